"""What the settings and the lake say of events together, and how the lake is brought to follow a change of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from billing.orders.revenue import is_of_order
from billing.value.feed import Fed
from lake.connect import Lake
from marginlake.config import Config
from marginlake.revenue_store import adopt_rules, stored_rules
from marginlake.rules import Rules, rules_from
from marginlake.value_store import models_from, record_models, revalue_pending, stored_models


def rules_in(
    lake: Lake,
    config: Config,
    data_dir: Path | None,
    orders: Sequence[Mapping[str, Any]] | None = None,
    api: Fed | None = None,
) -> Rules:
    """The rules of the settings, and where they say nothing, those that the lake keeps; then those of the orders, and
    the value model of the REST API (None: as the lake has them). Raises ConfigError.
    """
    kept = stored_rules(lake)
    own = [rule for rule in kept if not is_of_order(rule)]
    of_orders = [rule for rule in kept if is_of_order(rule)] if orders is None else orders
    return rules_from(config, data_dir, own, stored_models(lake), of_orders, api)


def with_values(lake: Lake, config: Config, data_dir: Path | None, rules: Rules, api: Fed) -> Rules:
    """The rules with the value model that the API has now; the lake keeps that version from then on."""
    value = models_from(config.value, data_dir, stored_models(lake), api)
    if value == rules.events.value:
        return rules
    changed = replace(rules, events=replace(rules.events, value=value))
    record_models(lake, changed.events)
    return changed


def adopt(lake: Lake, config: Config, rules: Rules) -> int:
    """Make changed rules of revenue, and a changed value model, the lake's; events that earn otherwise are worked out
    again. Returns how many rows of event_margins that changed.
    """
    record_models(lake, rules.events)
    has_orders = any(is_of_order({"rule_id": rule.rule_id}) for rule in rules.events.revenue)
    return adopt_rules(lake, rules.events) if config.revenue or has_orders else 0


def catch_up(lake: Lake, rules: Rules, stop: Callable[[], bool] = lambda: False) -> int:
    """Value stored events by a changed model or exchange rate; how many events changed. Can be stopped and goes on."""
    return revalue_pending(lake, rules.events, stop=stop).margins
