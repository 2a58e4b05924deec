"""What events earn by their place in a billing period: tiers over its quantity, and their shares of recurring fees."""

from collections.abc import Sequence

import polars as pl

from analytics.frames import divide_half_even, int128
from analytics.revenue_rules import MICRO, PICO, RevenueRule, Tier

GROUP = ("rule", "customer_id", "period")
"""Whose events share a billing period; no customer is one, too."""

EVENTS = pl.Schema(
    {
        "signal_id": pl.String(),
        "rule": pl.UInt32(),
        "customer_id": pl.String(),
        "occurred_at": pl.Datetime("us", "UTC"),
        "micro": pl.Int128(),
    }
)


def with_period(events: pl.DataFrame, rules: Sequence[RevenueRule]) -> pl.DataFrame:
    """Add `period`, the number of the billing period that occurred_at lies in: whole periods since January 1970, or
    since the month of the rule's valid_from.

    events: rule (place in `rules`), occurred_at.
    """
    moment = pl.col("occurred_at")
    month = (moment.dt.year() - 1970) * 12 + moment.dt.month().cast(pl.Int32) - 1
    anchor = pl.min_horizontal("_anchor", moment.dt.month_end().dt.day().cast(pl.Int32))
    begun = month - (moment.dt.day().cast(pl.Int32) < anchor).cast(pl.Int32)
    return (
        events.join(_calendar(rules), on="rule", how="left", maintain_order="left")
        .with_columns(period=(begun - pl.col("_first")).floordiv(pl.col("_months")).cast(pl.Int32))
        .drop("_months", "_anchor", "_first")
    )


def period_starts(groups: pl.DataFrame, rules: Sequence[RevenueRule]) -> pl.Series:
    """When the billing period of each row (rule, period) begins, Datetime us UTC; one row gives one moment."""
    month = pl.col("period") * pl.col("_months") + pl.col("_first")
    first = pl.datetime(1970 + month.floordiv(12), month % 12 + 1, 1, time_unit="us", time_zone="UTC")
    day = pl.min_horizontal("_anchor", first.dt.month_end().dt.day().cast(pl.Int32))
    starts = groups.select("rule", "period").join(_calendar(rules), on="rule", how="left", maintain_order="left")
    return starts.select((first + pl.duration(days=day - 1)).alias("period_start")).to_series()


def period_amounts(events: pl.DataFrame, rules: Sequence[RevenueRule]) -> pl.DataFrame:
    """signal_id, tiered and shares: what tiers charge for the event, in pico of the rule's currency, and how the fee of
    its period is divided: place (from 0) and number of sharers. Int128|null each; null where the rule has none.

    events: EVENTS with `period`, all events of their groups. Tiers count quantity in the order of occurred_at and
    signal_id. The sums of a group are exact: graduated tiers charge what the group's total costs, fees are divided with
    the largest remainders going to the first signal_ids.
    """
    ordered = events.sort(*GROUP, "occurred_at", "signal_id")
    micro = pl.col("micro").fill_null(0)
    ordered = ordered.with_columns(
        _after=micro.cum_sum().over(GROUP),
        _total=micro.sum().over(GROUP),
        _sharers=pl.len().over(GROUP).cast(pl.Int128),
        _place=(pl.col("signal_id").rank("ordinal").over(GROUP) - 1).cast(pl.Int128),
    ).with_columns(_before=pl.col("_after") - micro)
    tiered = pl.lit(None, pl.Int128)
    for place in ordered["rule"].unique().sort().to_list():
        rule = rules[place]
        if rule.tiers:
            charge = _graduated(rule.tiers) if rule.tier_mode == "graduated" else _volume(rule.tiers)
            tiered = pl.when(pl.col("rule") == place).then(charge).otherwise(tiered)
    spread = pl.col("rule").is_in([place for place, rule in enumerate(rules) if rule.spreads])
    return ordered.select(
        "signal_id",
        pl.when(pl.col("micro").is_not_null()).then(tiered).alias("tiered"),
        pl.when(spread).then("_place").alias("place"),
        pl.when(spread).then("_sharers").alias("sharers"),
    )


def share_of(fee: pl.Expr) -> pl.Expr:
    """The event's share of a fee (whole pico): the quotient, and one more for the first of the sharers."""
    sharers = pl.col("sharers")
    return fee // sharers + (pl.col("place") < fee % sharers).cast(pl.Int128)


def _calendar(rules: Sequence[RevenueRule]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "rule": range(len(rules)),
            "_months": [rule.period_months for rule in rules],
            "_anchor": [rule.anchor for rule in rules],
            "_first": [_first_month(rule) for rule in rules],
        },
        schema={"rule": pl.UInt32, "_months": pl.Int32, "_anchor": pl.Int32, "_first": pl.Int32},
    )


def _first_month(rule: RevenueRule) -> int:
    """The month (from January 1970) in which the periods of a rule are counted from."""
    if rule.valid_from is None:
        return 0
    return (rule.valid_from.year - 1970) * 12 + rule.valid_from.month - 1


def _graduated(tiers: Sequence[Tier]) -> pl.Expr:
    """What the group's quantity costs with this event, less what it costs without: so the sum is exact."""
    return _cost_of(tiers, pl.col("_after")) - _cost_of(tiers, pl.col("_before"))


def _cost_of(tiers: Sequence[Tier], micro: pl.Expr) -> pl.Expr:
    """What a quantity (millionths) costs, each unit at the price of its tier, in pico, rounded half to even."""
    unrounded, flat, lower = int128(0), int128(0), 0
    for tier in tiers:
        upper = None if tier.up_to is None else int(tier.up_to * MICRO)
        within = ((micro if upper is None else pl.min_horizontal(micro, int128(upper))) - int128(lower)).clip(
            lower_bound=0
        )
        unrounded += within * int128(int(tier.unit_price * PICO))
        flat += pl.when(micro > int128(lower)).then(int128(int(tier.flat * PICO))).otherwise(int128(0))
        lower = upper or lower
    return divide_half_even(unrounded, int128(MICRO)) + flat


def _volume(tiers: Sequence[Tier]) -> pl.Expr:
    """All units at the price of the tier that the period's total lies in; its flat amount falls to the first event."""
    total, earned = pl.col("_total"), pl.lit(None, pl.Int128)
    for tier in reversed(tiers):
        price = int128(int(tier.unit_price * PICO))
        parts = [divide_half_even(pl.col(name) * price, int128(MICRO)) for name in ("_after", "_before")]
        first = (pl.col("_before") == 0) & (pl.col("_after") > 0)
        flat = pl.when(first).then(int128(int(tier.flat * PICO))).otherwise(int128(0))
        inside = pl.lit(True) if tier.up_to is None else total <= int128(int(tier.up_to * MICRO))
        earned = pl.when(inside).then(parts[0] - parts[1] + flat).otherwise(earned)
    return earned
