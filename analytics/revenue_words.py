"""What a revenue rule says, in a few words for people."""

from collections.abc import Iterator
from decimal import Decimal

from analytics.revenue_rules import Condition, RevenueRule, Tier
from pricing_tables.fx import DOLLAR

_PERIODS = {1: "month", 3: "quarter", 6: "half-year", 12: "year"}
_SIGNS = {"eq": "==", "neq": "!=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def earns(rule: RevenueRule) -> str:
    """How much an event earns by this rule, in one line."""
    return ", ".join(_parts(rule))


def _parts(rule: RevenueRule) -> Iterator[str]:
    money = rule.currency or DOLLAR
    credit = f"at {_credit_value(rule)} a credit"
    if rule.unit_price_usd is not None or rule.unit_price is not None:
        price = rule.unit_price if rule.unit_price_usd is None else rule.unit_price_usd
        yield f"{_number(price)} {money} each"
    elif rule.credits is not None:
        yield f"{_number(rule.credits)} credit{'' if rule.credits == 1 else 's'} each {credit}"
    elif rule.brackets:
        steps = (
            f"{_up_to(bracket.up_to)} {_number(bracket.credits)}"
            if bracket.credits is not None
            else f"{_up_to(bracket.up_to)} {_number(bracket.credits_per_unit)} a unit"
            for bracket in rule.brackets
        )
        yield f"credits by size ({'; '.join(steps)}) {credit}"
    elif rule.tiers:
        yield f"{rule.tier_mode} over a {_period(rule)} in {money} ({'; '.join(map(_tier, rule.tiers))})"
    elif rule.cost_multiplier is not None:
        yield f"{_number(rule.cost_multiplier)} times its cost"
    elif rule.revenue_path is not None:
        currency = f"data.{rule.currency_path}" if rule.currency_path else money
        yield f"data.{rule.revenue_path} in {currency}"
    if rule.recurring_fee is not None:
        spread = "spread over its events" if rule.spread else "in no event"
        yield f"{_number(rule.recurring_fee)} {money} a {_period(rule)} {spread}"
    if rule.quantity_path is not None:
        yield f"quantity data.{rule.quantity_path}"
    if rule.when is not None:
        yield f"when {_condition(rule.when)}"


def _credit_value(rule: RevenueRule) -> str:
    if rule.credit_value_usd is not None:
        return f"{_number(rule.credit_value_usd)} {DOLLAR}"
    return f"{_number(rule.plan_price)}/{_number(rule.plan_credits)} {rule.currency or DOLLAR}"


def _tier(tier: Tier) -> str:
    flat = f" + {_number(tier.flat)}" if tier.flat else ""
    return f"{_up_to(tier.up_to)} {_number(tier.unit_price)}{flat}"


def _up_to(bound: Decimal | None) -> str:
    return "beyond" if bound is None else f"to {_number(bound)}"


def _period(rule: RevenueRule) -> str:
    return _PERIODS.get(rule.period_months, f"period of {rule.period_months} months")


def _condition(when: Condition) -> str:
    if when.comparison == "exists":
        return f"data.{when.path} exists"
    value = when.value
    said = str(value).lower() if isinstance(value, bool) else _number(value) if isinstance(value, Decimal) else value
    return f"data.{when.path} {_SIGNS.get(when.comparison, when.comparison)} {said}"


def _number(value: Decimal | None) -> str:
    """Without the zeros at the end that a table's type adds."""
    return "?" if value is None else f"{value.normalize():f}"
