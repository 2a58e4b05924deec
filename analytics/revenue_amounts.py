"""What events earn by themselves: price times quantity, brackets of credits, cost-plus, or the event's own figure."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TypeVar

import polars as pl

from analytics.event_fields import quantity_at, text_at
from analytics.frames import MONEY, divide_half_even, int128, to_pico
from analytics.revenue_rules import MICRO, Bracket, Condition, RevenueRule, ratio

_NUMBER = pl.Decimal(38, 12)
_KNOWN_COSTS = ("complete", "no_calls")
_T = TypeVar("_T")


def quantities(frame: pl.DataFrame, rules: Sequence[RevenueRule]) -> pl.Series:
    """The quantity of each event in millionths, Int128; null where it is no amount, 0 where the rule's condition fails.

    frame: rule (place in `rules`), quantity Decimal(18, 6)|null, data (JSON|null).
    """
    amount = _by_rule(
        frame, rules, lambda rule: rule.quantity_path, quantity_at, pl.col("quantity").cast(pl.Decimal(18, 6))
    )
    holds = _by_rule(frame, rules, lambda rule: rule.when, condition, pl.lit(True))
    micro = to_pico(amount) // int128(MICRO)
    return frame.select(pl.when(~holds).then(int128(0)).when(micro >= 0).then(micro).alias("micro")).to_series()


def own_amounts(frame: pl.DataFrame, rules: Sequence[RevenueRule]) -> pl.DataFrame:
    """amount (pico of the currency, Int128|null) and currency (String|null: US dollars) of each event, in order.

    frame: rule, micro (see `quantities`), data, and known_cost Decimal|null with cost_status, as far as there are any.
    Rules with tiers, and those with nothing but a fee, amount to 0 here.
    """
    parts: dict[str, list[int | None]] = {"num": [], "den": [], "multiplier": []}
    for rule in rules:
        num, den = ratio(rule.unit) if rule.unit is not None else (None, None)
        parts["num"].append(num)
        parts["den"].append(den)
        parts["multiplier"].append(None if rule.cost_multiplier is None else int(rule.cost_multiplier * MICRO))
    table = pl.DataFrame(
        {
            "rule": pl.Series(range(len(rules)), dtype=pl.UInt32),
            **{name: pl.Series(values, dtype=pl.Int128) for name, values in parts.items()},
            "currency": pl.Series([rule.currency for rule in rules], dtype=pl.String),
        }
    )
    told = frame.join(table, on="rule", how="left", maintain_order="left")
    bracketed = _by_rule(told, rules, lambda rule: rule if rule.brackets else None, _bracketed, pl.lit(None, pl.Int128))
    explicit = _by_rule(told, rules, lambda rule: rule.revenue_path, _figure, pl.lit(None, pl.Int128))
    currency = _by_rule(told, rules, lambda rule: rule.currency_path, text_at, pl.lit(None, pl.String))
    nothing = pl.col("rule").is_in([place for place, rule in enumerate(rules) if _only_by_period(rule)])
    earns = pl.col("micro").is_null() | (pl.col("micro") > 0)
    has_cost = {"known_cost", "cost_status"} <= set(frame.columns)
    return told.select(
        pl.when(pl.col("num").is_not_null())
        .then(divide_half_even(pl.col("micro") * pl.col("num"), pl.col("den")))
        .when(pl.col("multiplier").is_not_null())
        .then(_cost_plus() if has_cost else pl.lit(None, pl.Int128))
        .when(nothing)
        .then(int128(0))
        # a figure of the event's own stands whatever its quantity, but not where its condition fails
        .otherwise(pl.coalesce(bracketed, pl.when(earns).then(explicit).otherwise(int128(0))))
        .alias("amount"),
        pl.coalesce(currency, "currency").alias("currency"),
    )


def condition(when: Condition) -> pl.Expr:
    """Whether a condition on the data holds; a value that is missing, or of another kind, holds nothing."""
    text, value = text_at(when.path), when.value
    if when.comparison == "exists":
        return text.is_not_null()
    if when.comparison == "contains":
        return text.str.contains(str(value), literal=True).fill_null(False)
    if isinstance(value, bool | str):
        same = text == (str(value).lower() if isinstance(value, bool) else value)
        return (same if when.comparison == "eq" else ~same).fill_null(False)
    number, bound = text.cast(_NUMBER, strict=False), pl.lit(value, dtype=_NUMBER)
    compared = {
        "eq": number == bound,
        "neq": number != bound,
        "gt": number > bound,
        "gte": number >= bound,
        "lt": number < bound,
        "lte": number <= bound,
    }
    return compared[when.comparison].fill_null(False)


def _only_by_period(rule: RevenueRule) -> bool:
    """Whether nothing is earned but through tiers or a fee."""
    own = (rule.unit, rule.cost_multiplier, rule.revenue_path, rule.brackets or None)
    return all(part is None for part in own)


def _by_rule(
    frame: pl.DataFrame,
    rules: Sequence[RevenueRule],
    of: Callable[[RevenueRule], _T | None],
    build: Callable[[_T], pl.Expr],
    usual: pl.Expr,
) -> pl.Expr:
    """`build(of(rule))` for the events of rules that have such a thing, else `usual`; each distinct thing once."""
    places: dict[_T, list[int]] = {}
    for place in frame["rule"].drop_nulls().unique().sort().to_list():
        thing = of(rules[place])
        if thing is not None:
            places.setdefault(thing, []).append(place)
    for thing, which in places.items():
        usual = pl.when(pl.col("rule").is_in(which)).then(build(thing)).otherwise(usual)
    return usual


def _figure(path: str) -> pl.Expr:
    """The figure at a path, in pico; null where there is none or it is no amount."""
    return to_pico(text_at(path).str.strip_chars().cast(MONEY, strict=False))


def _cost_plus() -> pl.Expr:
    known = pl.when(pl.col("cost_status").is_in(_KNOWN_COSTS)).then(pl.col("known_cost").fill_null(0))
    earned = divide_half_even(to_pico(known) * pl.col("multiplier"), int128(MICRO))
    return pl.when(pl.col("micro") == 0).then(int128(0)).otherwise(earned)


def _bracketed(rule: RevenueRule) -> pl.Expr:
    value = rule.credit_value
    if value is None:
        raise ValueError(f"{rule.rule_id}: brackets without the value of a credit")
    if rule.brackets[0].credits is not None:
        return _flat(rule.brackets, value)
    return _per_unit(rule.brackets, value)


def _flat(brackets: Sequence[Bracket], value: Fraction) -> pl.Expr:
    """The credits of the bracket that the quantity falls into; beyond the last one it is unknown."""
    micro, earned = pl.col("micro"), pl.lit(None, pl.Int128)
    for bracket in reversed(brackets):
        num, den = ratio(Fraction(bracket.credits or 0) * value)
        amount = divide_half_even(int128(num * MICRO), int128(den))
        inside = micro.is_not_null() if bracket.up_to is None else micro <= int128(int(bracket.up_to * MICRO))
        earned = pl.when(inside).then(amount).otherwise(earned)
    return pl.when(micro == 0).then(int128(0)).otherwise(earned)


def _per_unit(brackets: Sequence[Bracket], value: Fraction) -> pl.Expr:
    """Each unit at the credits of its bracket; beyond the last one it is unknown."""
    micro, total, lower = pl.col("micro"), int128(0), 0
    for bracket in brackets:
        num, den = ratio(Fraction(bracket.credits_per_unit or 0) * value)
        upper = None if bracket.up_to is None else int(bracket.up_to * MICRO)
        within = (micro if upper is None else pl.min_horizontal(micro, int128(upper))) - int128(lower)
        part = divide_half_even(within.clip(lower_bound=0) * int128(num), int128(den))
        total, lower = total + part, upper or lower
    last = brackets[-1].up_to
    return total if last is None else pl.when(micro <= int128(int(last * MICRO))).then(total)
