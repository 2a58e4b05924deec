"""Settings: defaults, then a TOML file, then the environment (`MARGINLAKE_COMMIT__INTERVAL_SECONDS`).

The file is the one named on the command line, else `$MARGINLAKE_CONFIG`, else `marginlake.toml` in the data directory,
else `marginlake.toml` in the working directory. An unknown key or a wrong value is a `ConfigError` of one line.
"""

import os
import tomllib
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from pricing_tables.own_fields import moment

FILE_NAME = "marginlake.toml"
PREFIX = "MARGINLAKE_"
OTHER_VARIABLES = frozenset({"MARGINLAKE_CONFIG", "MARGINLAKE_DEBUG", "MARGINLAKE_SCANNER", "MARGINLAKE_TOKENIZERS"})
"""Variables that are no settings: where the file is, whether failures come with a traceback, whether the decoder may be
compiled, where rank files lie."""

MIB = 1 << 20

Positive = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]


def _moment(value: object) -> object:
    """A time of the settings in UTC: a day is its beginning, and a time without a zone is UTC."""
    return None if value is None else moment(value)


class ConfigError(ValueError):
    """A configuration that cannot be used; the message is one line that names the file and the key."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ReceiverConfig(_Section):
    """Where OTLP and REST come in, and how much may wait in memory or the journal before senders must retry."""

    grpc: str = "127.0.0.1:4317"
    http: str = "127.0.0.1:4318"
    max_request_mib: Positive = 64
    max_in_flight_mib: Positive = 256
    max_backlog_mib: Positive = 4096
    retry_after_seconds: Positive = 2
    grpc_workers: Positive = 16


class JournalConfig(_Section):
    """Segment size, and how long closed segments stay in the archive (0: dropped once their rows are synced)."""

    segment_mib: Positive = 64
    archive_days: Annotated[int, Field(ge=0)] = 30


class CommitConfig(_Section):
    """How often rows become visible, and how much one transaction takes at most."""

    interval_seconds: Seconds = 1.0
    max_batch_mib: Positive = 64


class IdentityConfig(_Section):
    """Attribute names that carry customer, product and cost scope: the first there wins, span before resource."""

    customer: tuple[str, ...] = (
        "external_customer_id", "customer.id", "enduser.id", "user.id", "langfuse.user.id",
    )  # fmt: skip
    product: tuple[str, ...] = ("external_agent_id", "external_product_id", "product.id")
    scope: tuple[str, ...] = ("paid_scope_id", "marginlake.cost_scope")


class PricingConfig(_Section):
    """Which catalog prices calls (default: the newest there is) and when a sender's own figure is used.

    `override`, `alias` and `fx` hold the `[[pricing.…]]` tables as written; `pricing_tables.own_book` checks them.
    """

    catalog: str | None = None
    trust_reported: Literal["never", "fallback", "prefer"] = "fallback"
    override: tuple[dict[str, Any], ...] = ()
    alias: tuple[dict[str, Any], ...] = ()
    fx: tuple[dict[str, Any], ...] = ()


class LinkingConfig(_Section):
    """Whether events that share a cost show their part of it, or all of it each (totals count it once)."""

    attribution: Literal["split", "each"] = "split"


class ValueConfig(_Section):
    """What events deliver: `metric` as written and `model` (a JSON file), both checked by `analytics.value_parse`.

    A changed model is a new version, in force for events from `effective_from` (null: all) to `effective_to`.
    """

    metric: tuple[dict[str, Any], ...] = ()
    model: str | None = None
    groups: dict[str, tuple[str, ...]] = {}
    effective_from: Annotated[datetime | None, BeforeValidator(_moment)] = None
    effective_to: Annotated[datetime | None, BeforeValidator(_moment)] = None


class MaintenanceConfig(_Section):
    """Upkeep of the lake: small files merged, old snapshots expired, files deleted once no reader can need them."""

    interval_minutes: Annotated[float, Field(gt=0)] = 10.0
    keep_every_snapshot_minutes: Annotated[float, Field(ge=1)] = 60.0
    keep_hourly_snapshots_days: Annotated[float, Field(ge=0)] = 7.0
    keep_reprice_snapshots_days: Annotated[float, Field(ge=0)] = 90.0
    file_grace_minutes: Annotated[float, Field(ge=1)] = 60.0


class AlertsConfig(_Section):
    """When the `[[alert]]` rules are looked at, and the webhook that is told, if any (Standard Webhooks).

    late_hours: for how long after its end a window is looked at again. previous_secret: the one that is being replaced.
    """

    interval_minutes: Annotated[float, Field(gt=0)] = 5.0
    late_hours: Annotated[float, Field(ge=0, le=744)] = 48.0
    webhook: str | None = None
    secret: SecretStr | None = None
    previous_secret: SecretStr | None = None
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 10.0


class MetricsConfig(_Section):
    """The figures of money at `/metrics`: how often they are read from the lake, and by what they are split.

    top: how many combinations of labels have a series of their own, the rest being `other`.
    """

    interval_seconds: Annotated[float, Field(ge=1)] = 60.0
    labels: tuple[Literal["provider", "model", "product", "customer", "event"], ...] = ("provider", "model", "product")
    top: Annotated[int, Field(ge=1, le=1000)] = 20


class AuthConfig(_Section):
    """Who may send and ask. anonymous: `loopback` lets callers from this machine in without a key (only while the
    service listens on loopback addresses); requests_per_minute: of one key, ingest apart (0: no limit).
    """

    anonymous: Literal["never", "loopback"] = "never"
    requests_per_minute: Annotated[int, Field(ge=0)] = 6000


class XeroConfig(_Section):
    """A custom connection of Xero, and how things are called in its books: see `billing.xero.sent.XeroSettings`."""

    client_id: str | None = None
    client_secret: SecretStr | None = None
    default_account: str = "200"
    accounts: dict[str, str] = {}
    zero_tax_type: str = "NONE"
    tax_types: dict[str, str] = {}
    payment_account: str | None = None


class BillingConfig(_Section):
    """The business database (null: SQLite in the data directory) and where browsers reach this service.

    allow_negative: balances show usage that no credits cover as credits below zero;
    stripe_key, stripe_signing_secret: of the account that takes payments (null: the operator confirms them);
    webhooks_to_private: also to receivers on private addresses and without TLS; webhook_seconds: for one delivery.
    """

    url: SecretStr | None = None
    public_url: str | None = None
    allow_negative: bool = False
    stripe_key: SecretStr | None = None
    stripe_signing_secret: SecretStr | None = None
    webhooks_to_private: bool = False
    webhook_seconds: Annotated[float, Field(gt=0, le=60)] = 10
    xero: XeroConfig = XeroConfig()


class LakeConfig(_Section):
    """What DuckDB may use of this machine (null: DuckDB's own defaults; the service: `memory.default_memory_limit`)."""

    memory_limit: str | None = None
    threads: Positive | None = None


class Config(BaseSettings):
    """All settings. `revenue`, `alert` and `dialects` are tables as written, read and checked where they are used."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, env_ignore_empty=True
    )

    capture_content: bool = False
    receiver: ReceiverConfig = ReceiverConfig()
    journal: JournalConfig = JournalConfig()
    commit: CommitConfig = CommitConfig()
    identity: IdentityConfig = IdentityConfig()
    pricing: PricingConfig = PricingConfig()
    linking: LinkingConfig = LinkingConfig()
    maintenance: MaintenanceConfig = MaintenanceConfig()
    lake: LakeConfig = LakeConfig()
    value: ValueConfig = ValueConfig()
    alerts: AlertsConfig = AlertsConfig()
    metrics: MetricsConfig = MetricsConfig()
    billing: BillingConfig = BillingConfig()
    auth: AuthConfig = AuthConfig()
    revenue: tuple[dict[str, Any], ...] = ()
    alert: tuple[dict[str, Any], ...] = ()
    dialects: dict[str, dict[str, Any]] = {}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, whose content comes in as init arguments."""
        return (env_settings, init_settings)


def find_file(explicit: Path | None, data_dir: Path) -> Path | None:
    """The configuration file to use, or None. Raises ConfigError when a file that was named does not exist."""
    named = explicit or (Path(env) if (env := os.environ.get("MARGINLAKE_CONFIG")) else None)
    if named is not None:
        if not named.is_file():
            raise ConfigError(f"{named}: no such configuration file")
        return named
    for candidate in (data_dir / FILE_NAME, Path(FILE_NAME)):
        if candidate.is_file():
            return candidate
    return None


def load(explicit: Path | None, data_dir: Path) -> Config:
    """Read the settings for a data directory. Raises ConfigError with one line naming file, key and reason."""
    path = find_file(explicit, data_dir)
    content: dict[str, Any] = {}
    if path is not None:
        try:
            # Money must stay what was written.
            content = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"{path}: {error}") from None
    _check_environment()
    try:
        return Config(**content)
    except SettingsError as error:
        raise ConfigError(f"environment: {error} (lists and tables are written as JSON)") from None
    except ValidationError as error:
        first = error.errors()[0]
        variable = _variable(first["loc"])
        key = ".".join(str(part) for part in first["loc"])
        place = f"environment: {variable}" if variable in os.environ else f"{path or 'environment'}: {key}"
        reason = "unknown key" if first["type"] == "extra_forbidden" else first["msg"]
        raise ConfigError(f"{place}: {reason}") from None


def _check_environment() -> None:
    """Raise ConfigError for a variable of ours that means nothing: a typing error must not pass for a setting."""
    known = {f"{PREFIX}{name.upper()}" for name in Config.model_fields}
    for variable in sorted(os.environ):
        if variable.startswith(PREFIX) and variable not in OTHER_VARIABLES and variable.split("__")[0] not in known:
            raise ConfigError(f"environment: {variable}: unknown key")


def _variable(location: tuple[int | str, ...]) -> str:
    """The environment variable that sets the key at a place of the settings."""
    return PREFIX + "__".join(str(part) for part in location).upper()


def parse_time(text: str) -> datetime:
    """An instant from `2026-11-23` or an RFC 3339 time; without a zone it is UTC. Raises ConfigError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{text!r} is not a time; write 2026-11-23 or 2026-11-23T10:00:00Z") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
