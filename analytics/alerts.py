"""Which alerts there are to tell: rules and figures in, one row for every rule, scope and window that fires. Pure.

Figures are compared as whole picodollars; a percentage is rounded only to be shown.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Final

import polars as pl

from analytics.alert_figures import Figures, end_of
from analytics.alert_rules import SCOPE_COLUMNS, AlertRule, Kind, Level
from analytics.frames import MONEY_SUM, divide_half_even, from_pico, int128, to_pico

_TIME = pl.Datetime("us", "UTC")
KEY: Final = ("rule", "customer_id", "product_id", "event_name", "window_start", "level")
"""What makes an alert one and the same."""

FOUND = pl.Schema(
    {
        "rule": pl.String(), "kind": pl.String(), "severity": pl.String(), "customer_id": pl.String(),
        "product_id": pl.String(), "event_name": pl.String(), "window_start": _TIME, "window_end": _TIME,
        "level": pl.Decimal(18, 6), "value": MONEY_SUM, "threshold": MONEY_SUM, "unit": pl.String(),
        "status": pl.String(), "note": pl.String(),
    }
)  # fmt: skip
"""level: percentage of a budget. status: `firing`, or `unknown` when the figure is not known (the note says why)."""

_PICO: Final = 10**12
_MICRO: Final = 10**6
_UNKNOWN: Final = {
    "unpriced_calls": "calls without a price",
    "signals_without_revenue": "events without revenue",
    "untraced_signals": "events without traced cost",
}


def evaluate_all(rules: Sequence[AlertRule], figures: Sequence[Figures]) -> pl.DataFrame:
    """`evaluate` for each rule with the figures of its windows (in the same order)."""
    found = [evaluate(rule, seen) for rule, seen in zip(rules, figures, strict=True)]
    return pl.concat([FOUND.to_frame(), *found])


def evaluate(rule: AlertRule, figures: Figures) -> pl.DataFrame:
    """What of a rule fires or is unknown in the windows of the figures, the worst first in each: schema FOUND."""
    scopes = _scopes(rule, figures.calls if rule.kind == "unpriced_above" else figures.money)
    found = [_found(rule, level, _MEASURES[rule.kind](rule, level, scopes)) for level in rule.levels]
    worst = pl.col("value").to_physical()
    return pl.concat(found).sort(
        "window_start",
        pl.col("status") != "firing",
        worst if rule.kind == "margin_below" else 0 - worst,
        *KEY[1:4],
        "level",
    )


def _scopes(rule: AlertRule, rows: pl.DataFrame) -> pl.DataFrame:
    """One row of summed figures per window and scope of the rule; money as whole picodollars, NULL counting as 0."""
    money = [name for name, dtype in rows.schema.items() if dtype == MONEY_SUM]
    counts = [name for name, dtype in rows.schema.items() if dtype == pl.Int64()]
    if "event_name" not in rows.columns:
        rows = rows.with_columns(event_name=pl.lit(None, pl.String()))
    groups = ["window_start", *(SCOPE_COLUMNS[scope] for scope in rule.each)]
    summed = (
        rows.filter(rule.matches())
        .with_columns(to_pico(pl.col(name)).fill_null(int128(0)) for name in money)
        .group_by(groups)
        .agg(pl.col(*money, *counts).sum() if money else pl.col(*counts).sum())
    )
    rest = {column: rule.named(scope) for scope, column in SCOPE_COLUMNS.items() if scope not in rule.each}
    return summed.with_columns(pl.lit(value, pl.String()).alias(column) for column, value in rest.items())


def _found(rule: AlertRule, level: Level, measured: pl.DataFrame) -> pl.DataFrame:
    """The measured scopes that fire or are unknown, as rows of FOUND."""
    said = {
        "rule": pl.lit(rule.name),
        "kind": pl.lit(rule.kind),
        "severity": pl.lit(rule.severity),
        "window_end": end_of(rule.window, pl.col("window_start")),
        "level": pl.lit(level.percent, pl.Decimal(18, 6)),
        "value": pl.when(pl.col("status") == "firing").then(from_pico(pl.col("value"))),
        "threshold": pl.lit(level.threshold, MONEY_SUM),
        "unit": pl.lit(rule.unit),
    }
    shown = measured.filter(pl.col("status").is_not_null()).with_columns(**said)
    return shown.select(pl.col(name).cast(dtype) for name, dtype in FOUND.items())


def _margin(rule: AlertRule, level: Level, scopes: pl.DataFrame) -> pl.DataFrame:
    """Margin in percent of revenue; where nothing is earned, any cost is too much."""
    enough = scopes.filter(pl.col("signals") >= rule.min_events).with_columns(
        margin=pl.col("revenue_usd") - pl.col("linked_cost_usd") - pl.col("unclaimed_cost_usd"),
        unknown=pl.sum_horizontal(*_UNKNOWN) > 0,
    )
    earns = pl.col("revenue_usd") > 0
    below = _percent(pl.col("margin"), pl.col("revenue_usd"), level, lambda share, limit: share < limit)
    loses = ~earns & (pl.col("margin") < 0)
    return enough.with_columns(
        value=_share(pl.col("margin"), pl.col("revenue_usd")),
        status=pl.when("unknown").then(pl.lit("unknown")).when((earns & below) | loses).then(pl.lit("firing")),
        note=pl.when("unknown").then(_what_is_unknown()).when(loses).then(pl.lit("costs and no revenue")),
    )


def _what_is_unknown() -> pl.Expr:
    parts = (pl.when(pl.col(name) > 0).then(pl.format(f"{what}: {{}}", name)) for name, what in _UNKNOWN.items())
    return pl.concat_str(*parts, separator=", ", ignore_nulls=True)


def _unclaimed(rule: AlertRule, level: Level, scopes: pl.DataFrame) -> pl.DataFrame:
    """Share of the cost that no event bears, in percent."""
    total = pl.col("linked_cost_usd") + pl.col("unclaimed_cost_usd")
    enough = scopes.with_columns(total=total).filter(
        (pl.col("total") > 0) & (pl.col("total") >= int128(int(rule.min_cost * _PICO)))
    )
    above = _percent(pl.col("unclaimed_cost_usd"), pl.col("total"), level, lambda share, limit: share > limit)
    return enough.with_columns(
        value=_share(pl.col("unclaimed_cost_usd"), pl.col("total")), status=_firing(above), note=_lower_bound()
    )


def _unpriced(rule: AlertRule, level: Level, scopes: pl.DataFrame) -> pl.DataFrame:
    """Calls without a price: how many, or their share of all calls in percent."""
    calls, unpriced = (pl.col(name).cast(pl.Int128) for name in ("calls", "unpriced_calls"))
    enough = scopes.filter(pl.col("calls") >= rule.min_events)
    note = pl.format("of calls: {}", "calls")
    if rule.unit == "calls":
        above = unpriced > int128(int(level.threshold))
        return enough.with_columns(value=unpriced * int128(_PICO), status=_firing(above), note=note)
    above = _percent(unpriced, calls, level, lambda share, limit: share > limit)
    return enough.with_columns(value=_share(unpriced, calls), status=_firing(above), note=note)


def _cost(rule: AlertRule, level: Level, scopes: pl.DataFrame) -> pl.DataFrame:
    """Cost in dollars. A day's must be above the figure, a budget's level need only be reached."""
    total = scopes.with_columns(value=pl.col("linked_cost_usd") + pl.col("unclaimed_cost_usd"))
    limit = int128(int(level.threshold * _PICO))
    reached = (pl.col("value") >= limit) if rule.kind == "monthly_budget" else (pl.col("value") > limit)
    return total.with_columns(status=_firing(reached), note=_lower_bound())


_MEASURES: Mapping[Kind, Callable[[AlertRule, Level, pl.DataFrame], pl.DataFrame]] = MappingProxyType(
    {
        "margin_below": _margin,
        "unclaimed_above": _unclaimed,
        "unpriced_above": _unpriced,
        "daily_cost_above": _cost,
        "monthly_budget": _cost,
    }
)
"""Each adds value (picodollars, or 10**-12 of the unit), status and note to the scopes it looks at."""


def _percent(part: pl.Expr, whole: pl.Expr, level: Level, compare: Callable[[pl.Expr, pl.Expr], pl.Expr]) -> pl.Expr:
    """Compare part / whole with a level in percent, without dividing."""
    return compare(part * int128(100 * _MICRO), whole * int128(int(level.threshold * Decimal(_MICRO))))


def _share(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    """Part / whole in percent, in units of 10**-12, rounded half to even at 6 decimals; NULL without a whole."""
    divisor = pl.when(whole > 0).then(whole)
    return divide_half_even(part * int128(100 * _MICRO), divisor) * int128(_MICRO)


def _firing(condition: pl.Expr) -> pl.Expr:
    return pl.when(condition).then(pl.lit("firing"))


def _lower_bound() -> pl.Expr:
    """Costs are those that are known."""
    count = pl.col("unpriced_calls")
    return pl.when(count > 0).then(pl.format("calls without a price, not in it: {}", count))
