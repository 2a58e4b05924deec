"""What `marginlake whatif` is told to assume, read into what the stages work with."""

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path

from analytics.event_rules import EventRules
from analytics.revenue_parse import parse_rules
from analytics.revenue_rules import RevenueError, RevenueRule
from analytics.whatif import Assumed
from analytics.whatif_calls import Scenario, ScenarioError
from lake.connect import Lake
from marginlake.config import Config, ConfigError
from marginlake.failures import UsageError
from marginlake.new_prices import new_prices, under
from marginlake.revenue_store import stored_rules
from marginlake.rules import rules_from

ALL = "*"


def scenario_of(models: Sequence[str], tokens: Sequence[str], cache_hit: Sequence[str]) -> Scenario:
    """Options as given: `FROM=TO`, `FROM=1.2`, and `0.6` or `FROM=0.6`. Raises UsageError."""
    try:
        return Scenario(
            models=tuple(_pair("--model", text) for text in models),
            tokens=tuple((name, _number("--tokens", text)) for name, text in (_pair("--tokens", t) for t in tokens)),
            cache_hit=tuple(
                (name, _number("--cache-hit", text))
                for name, text in (_pair("--cache-hit", t if "=" in t else f"{ALL}={t}") for t in cache_hit)
            ),
        )
    except ScenarioError as error:
        raise UsageError(str(error)) from None


def assumed(
    lake: Lake, data: Path, settings: Config, scenario: Scenario, catalog: str | None, revenue: Path | None
) -> Assumed:
    """Everything that is assumed. Without `revenue`, the rules that the lake holds. Raises ConfigError."""
    other = under(settings, catalog)
    rules = rules_from(other.model_copy(update={"revenue": ()}), data)
    try:
        own = parse_rules(stored_rules(lake))
    except RevenueError as error:
        raise ConfigError(f"the lake's revenue rules: {error}") from None
    events = replace(rules.events, revenue=own if revenue is None else rules_in(revenue))
    prices = None
    if catalog is not None:
        # usage as it is stored: nothing is estimated here that was not before
        prices = replace(new_prices(other, rules), estimate=None)
    return Assumed(
        scenario,
        rules.price_again,
        EventRules(events.revenue, events.fx, events.attribution),
        prices,
        revenue is not None,
    )


def rules_in(file: Path) -> tuple[RevenueRule, ...]:
    """The `[[revenue]]` tables of a file. Raises ConfigError with one line that names the file."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
        entries = content.get("revenue", [])
        if not isinstance(entries, list) or not entries:
            raise ConfigError(f"{file}: no [[revenue]] table")
        return parse_rules(entries)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RevenueError) as error:
        raise ConfigError(f"{file}: {error}") from None


def _pair(option: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise UsageError(f"{option} {text}: write FROM=VALUE, e.g. {_EXAMPLES[option]}")
    return name.strip(), value.strip()


def _number(option: str, text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise UsageError(f"{option}: {text!r} is no number, e.g. {_EXAMPLES[option]}")
    return number


_EXAMPLES = {
    "--model": "'openai/gpt-4o*=anthropic/claude-sonnet-4-5'",
    "--tokens": "'openai/*=1.2'",
    "--cache-hit": "0.6 or 'anthropic/*=0.6'",
}
