"""What events earn in US dollars: by the rule in force, by their place in the billing period, at the day's rate."""

from collections.abc import Sequence

import polars as pl

from analytics.event_rules import NO_FX
from analytics.frames import MONEY, divide_half_even, from_pico, int128, to_pico
from analytics.revenue_amounts import own_amounts, quantities
from analytics.revenue_match import match_rules
from analytics.revenue_periods import EVENTS, period_amounts, period_starts, share_of, with_period
from analytics.revenue_rules import MONEY_LIMIT, PICO, RevenueRule, depends_on_periods
from pricing_tables.fx import DOLLAR, FxTable


def apply_revenue(
    signals: pl.DataFrame, rules: Sequence[RevenueRule], fx: FxTable = NO_FX, others: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Add to signals, whose order stays: revenue_usd, recurring_usd (its part of a fee), original_revenue (without that
    part), fx_rate, all Decimal(18, 12)|null; revenue_rule and original_currency (null: US dollars), String|null.

    signals: signal_id, customer_id, product_id, event_name, occurred_at, quantity Decimal(18, 6)|null, data (JSON
    String|null); known_cost and cost_status where rules go by the cost. others: the other events of the billing periods
    (`EVENTS`), which count beside those of `signals`; without, these are all there is.
    A quantity that is missing at the rule's path is 1; one that is no number or negative makes the revenue unknown, as
    does a lack of a rule, of the cost, or of an exchange rate: NULL, never zero. Exact, rounded half to even at 12
    decimals.
    """
    frame = signals.with_columns(match_rules(signals, rules))
    frame = frame.with_columns(quantities(frame, rules).alias("micro"))
    frame = frame.hstack(own_amounts(frame, rules))
    frame = frame.with_columns(tiered=pl.lit(None, pl.Int128), recurring=pl.lit(None, pl.Int128))
    if depends_on_periods(rules):
        events = earning_by_period(frame, rules)
        everyone = events if others is None else pl.concat([events, others.join(events, on="signal_id", how="anti")])
        money = period_money(everyone, rules, fx)
        frame = frame.drop("tiered", "recurring").join(money, on="signal_id", how="left", maintain_order="left")
    frame = frame.with_columns(rate=rates_of(frame, fx))
    with_tiers = pl.col("rule").is_in([place for place, rule in enumerate(rules) if rule.tiers])
    spreading = pl.col("rule").is_in([place for place, rule in enumerate(rules) if rule.spreads])
    amount = pl.when(with_tiers).then("tiered").otherwise("amount")
    recurring = pl.when(spreading).then("recurring").otherwise(int128(0))
    names = pl.Series([rule.rule_id for rule in rules], dtype=pl.String)
    frame = frame.with_columns(amount=amount, dollars=in_dollars(amount, pl.col("rate")) + recurring)
    foreign = pl.col("currency").ne_missing(DOLLAR) & pl.col("currency").is_not_null()
    return frame.with_columns(
        revenue_usd=money_of(pl.col("dollars")),
        revenue_rule=names.gather(frame["rule"]) if len(names) else pl.lit(None, pl.String),
        recurring_usd=money_of(pl.when(spreading).then("recurring")),
        original_currency=pl.when(foreign).then("currency"),
        original_revenue=money_of(pl.when(foreign).then("amount")),
        fx_rate=pl.when(foreign).then(from_pico(pl.col("rate"))).cast(MONEY),
    ).drop("rule", "micro", "amount", "currency", "tiered", "recurring", "rate", "dollars")


def earning_by_period(frame: pl.DataFrame, rules: Sequence[RevenueRule]) -> pl.DataFrame:
    """The events (`EVENTS`) whose rule looks at their billing period. frame: EVENTS and whatever else."""
    places = [place for place, rule in enumerate(rules) if rule.by_period]
    return frame.filter(pl.col("rule").is_in(places)).select(pl.col(name).cast(kind) for name, kind in EVENTS.items())


def period_money(events: pl.DataFrame, rules: Sequence[RevenueRule], fx: FxTable) -> pl.DataFrame:
    """signal_id, tiered (pico of the rule's currency) and recurring (picodollars), Int128|null each.

    events: `EVENTS`, all of their billing periods. A fee becomes dollars at the rate of the day its period begins.
    """
    timed = with_period(events, rules)
    amounts = timed.join(period_amounts(timed, rules), on="signal_id", how="left", maintain_order="left")
    fees = pl.Series([int((rule.recurring_fee or 0) * PICO) for rule in rules], dtype=pl.Int128)
    currencies = pl.Series([rule.currency for rule in rules], dtype=pl.String)
    groups = amounts.select("rule", "period").unique()
    groups = groups.with_columns(
        fee=fees.gather(groups["rule"]),
        currency=currencies.gather(groups["rule"]),
        occurred_at=period_starts(groups, rules),
    )
    groups = groups.with_columns(fee=in_dollars(pl.col("fee"), rates_of(groups, fx)))
    return (
        amounts.join(groups.select("rule", "period", "fee"), on=["rule", "period"], how="left", maintain_order="left")
        .with_columns(recurring=share_of(pl.col("fee")))
        .select("signal_id", "tiered", "recurring")
    )


def in_dollars(amount: pl.Expr, rate: pl.Expr | pl.Series) -> pl.Expr:
    """Picodollars of an amount in pico of a currency; rate: picodollars for one unit of it. Null where either is."""
    # what no row has room for must not overflow on its way
    fits = amount.abs() < int128(MONEY_LIMIT)
    return divide_half_even(pl.when(fits).then(amount) * rate, int128(PICO))


def rates_of(frame: pl.DataFrame, fx: FxTable) -> pl.Series:
    """Picodollars for one unit of each row's currency at occurred_at, Int128; null where no rate is known."""
    dollars = pl.col("currency").is_null() | (pl.col("currency") == DOLLAR)
    if frame.select(dollars.all()).item():
        return pl.repeat(PICO, frame.height, dtype=pl.Int128, eager=True)
    found = frame.with_columns(fx.at(frame["currency"], frame["occurred_at"]).alias("_found"))
    return found.select(
        pl.when(dollars).then(int128(PICO)).otherwise(to_pico(pl.col("_found"))).alias("rate")
    ).to_series()


def money_of(pico: pl.Expr) -> pl.Expr:
    """Pico as money of a row; what the table has no room for is unknown."""
    return from_pico(pl.when(pico.abs() < int128(MONEY_LIMIT)).then(pico)).cast(MONEY)
