"""What the settings say of alerts, checked: the rules, how long windows stay open to late data, who is told."""

from dataclasses import dataclass
from datetime import timedelta

from analytics.alert_parse import parse_alerts
from analytics.alert_rules import AlertError, AlertRule
from marginlake.config import Config, ConfigError
from marginlake.webhooks import Target, WebhookError, target


@dataclass(frozen=True)
class AlertSettings:
    """`target`: None when nobody is told, and the table alone keeps what was found."""

    rules: tuple[AlertRule, ...]
    late: timedelta
    target: Target | None


def alert_settings(config: Config) -> AlertSettings:
    """Check `[alerts]` and every `[[alert]]`. Raises ConfigError naming the key, never showing a secret."""
    said = config.alerts
    try:
        rules = parse_alerts(config.alert)
    except AlertError as error:
        raise ConfigError(str(error)) from None
    return AlertSettings(rules, timedelta(hours=said.late_hours), _target(config))


def _target(config: Config) -> Target | None:
    said = config.alerts
    if said.webhook is None:
        return None
    if said.secret is None:
        raise ConfigError("alerts.secret: missing, messages to alerts.webhook are signed with it")
    secrets = {"secret": said.secret, "previous_secret": said.previous_secret}
    for key, secret in secrets.items():
        try:
            if secret is not None:
                target("https://localhost", [secret.get_secret_value()], said.timeout_seconds)
        except WebhookError as error:
            raise ConfigError(f"alerts.{key}: {error}") from None
    try:
        given = [secret.get_secret_value() for secret in secrets.values() if secret is not None]
        return target(said.webhook, given, said.timeout_seconds)
    except WebhookError as error:
        raise ConfigError(f"alerts.webhook: {error}") from None
