"""What events earn by the orders: the dated prices of all orders as rules of revenue, so that margins go by them."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import groupby, pairwise
from math import lcm
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from analytics.revenue_parse import parse_rules
from analytics.revenue_rules import RevenueError
from billing.catalog.pricing import (
    Pricing,
    SimplePricePoint,
    UsageBracketedPrepaidCredits,
    UsageCostPlus,
    UsagePrepaidCredits,
    price_point,
)
from billing.invoices.amounts import price_of
from billing.invoices.usage import names_of_customer, names_of_product
from billing.orders.threads import Dated, Segment, attributes_of, billing_months, segments
from billing.tables.orders import Order

_log = logging.getLogger(__name__)

PREFIX: Final = "order/"
"""What the names of all these rules begin with."""

_NOTHING: Final = "paid.none"
"""A path at which no event has anything, since `paid` is taken out of the data: there the quantity is always 1."""

_CENTS: Final = Decimal("0.01")
_DOLLAR: Final = "USD"

Entry = dict[str, Any]


@dataclass(frozen=True)
class _Priced:
    """A row, and a stretch of time within which no price of its line changes."""

    order: Order
    segment: Segment
    dated: Dated
    since: datetime
    until: datetime | None
    beside: Sequence[Dated]


def revenue_entries(session: Session) -> list[Entry]:
    """Rules as `analytics.revenue_parse.parse_rules` reads them, named `order/<order>/<row>/<start>/<names>`.

    One for each dated price of an event, for each name of its customer and product. Credits are worth their
    `unitValue`, else what the line's fees cost by the credits that come with them. What cannot be told exactly has no
    rule: such events' revenue is unknown, never 0. Fees by themselves earn with no event.
    """
    found: list[Entry] = []
    orders = session.scalars(
        select(Order).where(Order.activated_at.is_not(None), Order.deleted_at.is_(None)).order_by(Order.number)
    )
    customers: dict[str, list[str]] = {}
    products: dict[str, list[str]] = {}
    for order in orders:
        if order.customer_id not in customers:
            customers[order.customer_id] = names_of_customer(session, order.customer_id)
        for priced in _priced(order, segments(order, attributes_of(session, order))):
            product_id = priced.dated.row.product_id
            if product_id not in products:
                products[product_id] = names_of_product(session, product_id)
            amount = _earns(priced)
            if amount is not None:
                found += _named(priced, amount, customers[order.customer_id], products[product_id])
    return found


def _named(priced: _Priced, amount: Entry, customers: Iterable[str], products: Sequence[str]) -> Iterator[Entry]:
    row, order = priced.dated.row, priced.order
    stem = f"{PREFIX}{order.id}/{row.id}/{priced.since.isoformat()}"
    entry = amount | {"valid_from": priced.since, "valid_to": priced.until}
    if row.event_name is not None:
        entry["event"] = row.event_name
    try:
        parse_rules([{"name": stem, "customer": order.customer_id, "product": row.product_id} | entry])
    except RevenueError as error:
        _log.warning("a price of an order is no rule of revenue: %s", error)
        return
    for customer in customers:
        for product in products:
            yield {"name": f"{stem}/{customer}/{product}", "customer": customer, "product": product} | entry


def _priced(order: Order, of: Sequence[Segment]) -> Iterator[_Priced]:
    by_line = sorted(of, key=lambda each: each.rows[0].row.order_line_id)
    for _, of_line in groupby(by_line, key=lambda each: each.rows[0].row.order_line_id):
        line = list(of_line)
        rows = [dated for segment in line for dated in segment.rows]
        cuts = sorted({at for each in rows for at in (each.row.valid_from, each.row.valid_to) if at is not None})
        for segment in line:
            for dated in segment.rows:
                if dated.pricing.charge_type == "usage":
                    for since, until in _stretches(dated, cuts):
                        beside = [each for each in rows if _holds(each, since)]
                        yield _Priced(order, segment, dated, since, until, beside)


def _stretches(dated: Dated, cuts: Sequence[datetime]) -> Iterator[tuple[datetime, datetime | None]]:
    row = dated.row
    if not isinstance(dated.pricing, UsagePrepaidCredits | UsageBracketedPrepaidCredits):
        yield row.valid_from, row.valid_to
        return
    within = [at for at in cuts if row.valid_from <= at and (row.valid_to is None or at <= row.valid_to)]
    yield from pairwise(within)
    if row.valid_to is None:
        yield within[-1], None


def _holds(dated: Dated, at: datetime) -> bool:
    return dated.row.valid_from <= at and (dated.row.valid_to is None or at < dated.row.valid_to)


def _earns(priced: _Priced) -> Entry | None:
    """The amount of a rule; None where it cannot be told."""
    pricing, currency = priced.dated.pricing, priced.order.currency
    if isinstance(pricing, UsageCostPlus):
        return {"cost_multiplier": pricing.cost_plus_multiplier}
    if isinstance(pricing, UsagePrepaidCredits | UsageBracketedPrepaidCredits):
        value = _credit_value(priced, pricing)
        return None if value is None else _credits(pricing) | value
    point = price_point(pricing, currency)
    return None if point is None else _by_quantity(priced, pricing, point)


def _by_quantity(priced: _Priced, pricing: Pricing, point: SimplePricePoint) -> Entry:
    money = {"currency": point.currency}
    if pricing.pricing_model == "PerUnit" and not point.included_quantity:
        return money | {"unit_price": point.unit_price * _CENTS}
    period = {
        "period": billing_months(priced.order, priced.segment) or 1,
        "anchor_day": priced.order.billing_anchor or priced.segment.start.day,
    }
    if pricing.pricing_model == "PerUnit":
        return money | period | {"unit_price": point.unit_price * _CENTS, "included": point.included_quantity}
    tiers = point.tiers or []
    return money | period | {
        "tier_mode": "volume" if pricing.pricing_model == "VolumePricing" else "graduated",
        "tiers": [
            {"unit_price": tier.per_unit * _CENTS, "flat": tier.once * _CENTS}
            | ({} if place == len(tiers) - 1 or tier.upper_bound is None else {"up_to": tier.upper_bound})
            for place, tier in enumerate(tiers)
        ],
    }  # fmt: skip


def _credits(pricing: UsagePrepaidCredits | UsageBracketedPrepaidCredits) -> Entry:
    path = ".".join(pricing.pricing_input.steps) if pricing.pricing_input is not None else _NOTHING
    quantity = {} if path == "quantity" else {"quantity": path}
    if isinstance(pricing, UsagePrepaidCredits):
        return quantity | {"credits": pricing.credit_cost}
    brackets = pricing.credit_unit_brackets
    return quantity | {
        "credit_brackets": [
            (
                {"credits": each.credit_units}
                if each.credit_units_per_unit is None
                else {"credits_per_unit": each.credit_units_per_unit}
            )
            | ({} if place == len(brackets) - 1 or each.up_to is None else {"up_to": each.up_to})
            for place, each in enumerate(brackets)
        ]
    }


def _credit_value(priced: _Priced, pricing: UsagePrepaidCredits | UsageBracketedPrepaidCredits) -> Entry | None:
    """What a credit is worth: the price's own word, else the line's fees by the credits that come with them."""
    currency = priced.order.currency
    if pricing.unit_value is not None:
        if currency == _DOLLAR:
            return {"credit_value_usd": pricing.unit_value * _CENTS}
        return {"plan_price": pricing.unit_value * _CENTS, "plan_credits": 1, "currency": currency}
    paid = _fees_and_credits(priced, pricing.credits_currency_id, periodic=True)
    paid = paid or _fees_and_credits(priced, pricing.credits_currency_id, periodic=False)
    if paid is None:
        return None
    fee, given, months = paid
    return {
        "plan_price": _decimal(fee * months) * _CENTS, "plan_credits": _decimal(given * months), "currency": currency,
    }  # fmt: skip


def _fees_and_credits(
    priced: _Priced, currency_id: str | None, *, periodic: bool
) -> tuple[Fraction, Fraction, int] | None:
    """Cents and credits a month of what is on the line, and months that make both of them finite decimals.

    None where it brings no credits of the currency, or endless ones, or those of another currency for the same fees.
    """
    fee = given = Fraction(0)
    whole = 1
    for each in priced.beside:
        months = each.pricing.period_months
        if (months is not None) != periodic:
            continue
        whole = lcm(whole, months or 1)
        if each.pricing.charge_type != "usage":
            fee += price_of(each.pricing, priced.order.currency, each.row.quantity) / (months or 1)
        units = 1 if each.pricing.charge_type == "usage" else each.row.quantity
        for benefit in each.benefits:
            if benefit.credits_currency_id != currency_id or benefit.is_infinite_total:
                return None
            length = 1 if benefit.allocation_cadence == "monthly" else months or 1
            given += Fraction(benefit.amount) * units / length
    return (fee, given, whole) if given else None


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


def is_of_order(entry: Mapping[str, Any]) -> bool:
    """Whether a rule, as an entry or as the lake keeps it, came from an order."""
    return str(entry.get("rule_id", entry.get("name", ""))).startswith(PREFIX)
