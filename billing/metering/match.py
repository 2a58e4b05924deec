"""Which price an event is burned by: its customer's and product's, of an order that was active when it happened."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BindParameter, Row, bindparam, literal, or_, select, union_all
from sqlalchemy.orm import Session

from billing.ledger.book import chunks
from billing.ledger.debits import Debit
from billing.metering.prices import (
    CREDIT_TYPES,
    CreditPrice,
    NoQuantityError,
    burned,
    burned_by_each,
    credit_price,
)
from billing.metering.use import Use
from billing.tables.catalog import Product
from billing.tables.customers import Customer, CustomerAlias
from billing.tables.orders import Order, OrderAttribute

_DISPLAY_ID: Final = re.compile(r"cus_[0-9a-f]{24}")

_NAMES: Final[BindParameter[list[str]]] = bindparam("names", expanding=True)
# Made once: to put a query together takes as long as to run it, and these are asked for each request's signals.

_PRICES: Final = (
    select(
        OrderAttribute.id,
        OrderAttribute.order_id,
        OrderAttribute.customer_id,
        OrderAttribute.product_id,
        OrderAttribute.event_name,
        OrderAttribute.pricing,
        OrderAttribute.valid_from,
        OrderAttribute.valid_to,
        Order.start_date,
        Order.end_date,
        Order.paused_at,
    )
    .join(Order, Order.id == OrderAttribute.order_id)
    .where(
        OrderAttribute.pricing_type.in_(CREDIT_TYPES),
        Order.creation_state == "active",
        Order.deleted_at.is_(None),
        OrderAttribute.customer_id.in_(_NAMES),
    )
    .order_by(Order.start_date.desc(), Order.id.desc(), OrderAttribute.valid_from.desc(), OrderAttribute.id.desc())
)

_CUSTOMERS: Final = union_all(  # type: ignore[var-annotated]
    select(literal(0).label("rank"), Customer.id, Customer.id).where(Customer.id.in_(_NAMES)),
    select(literal(1), CustomerAlias.alias, CustomerAlias.customer_id).where(CustomerAlias.alias.in_(_NAMES)),
    select(literal(2), Customer.external_id, Customer.id).where(Customer.external_id.in_(_NAMES)),
).order_by("rank")

_PRODUCTS: Final = select(Product.id, Product.external_id).where(
    or_(Product.id.in_(_NAMES), Product.external_id.in_(_NAMES))
)


@dataclass(frozen=True)
class Refusal:
    """A signal that a price is for and that burns nothing, since it does not say how much it is for."""

    signal_id: str
    order_attribute_id: str
    reason: str
    occurred_at: datetime


@dataclass
class Matched:
    """debits: what the signals burn. refused: see `Refusal`. strangers: external ids of customers that nobody knows."""

    debits: list[Debit] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)


def match(session: Session, uses: Sequence[Use]) -> Matched:
    """What these signals burn, as the database stands. One debit a signal and currency of credits.

    Of several orders whose price is for a signal the one that began last counts.
    """
    session.flush()
    matched = Matched()
    customers = customers_of(session, {use.customer for use in uses if use.customer})
    matched.strangers = sorted({use.customer for use in uses if use.customer and use.customer not in customers} - {""})
    attributed = [use for use in uses if use.customer in customers and use.product]
    if not attributed:
        return matched
    products = products_of(session, {use.product for use in attributed if use.product})
    offers = _offers(session, {customers[use.customer] for use in attributed if use.customer})
    said: dict[_Key, Sequence[_Offer]] = {}  # by the names that were sent: many signals say the same
    for use in attributed:
        key = (use.customer or "", use.product, use.event_name)
        known = said.get(key)
        if known is None:
            meant = (customers[use.customer or ""], products.get(use.product or ""), use.event_name)
            known = said[key] = offers.get(meant, ())
        for offer in _in_force(known, use.occurred_at) if known else ():
            amount = offer.fixed
            if amount is None:
                try:
                    amount = burned(offer.price, use)
                except NoQuantityError as error:
                    matched.refused.append(Refusal(use.signal_id, offer.attribute_id, str(error), use.occurred_at))
                    continue
            matched.debits.append(_debit(use, offer, amount))
    return matched


def strangers_only(names: Iterable[str]) -> Iterator[str]:
    """The names that can be a caller's own; what looks like one of our ids was made by us, or was a mistake."""
    return (name for name in names if not _DISPLAY_ID.fullmatch(name))


def customers_of(session: Session, names: Iterable[str]) -> dict[str, str]:
    """The customers' ids by the names that they go by: external id, alias, display id, in this order."""
    found: dict[str, str] = {}
    for some in chunks(sorted(names)):
        # the last one counts: our own ids are what a name means only where nobody uses it as theirs
        found |= {row[1]: row[2] for row in session.connection().execute(_CUSTOMERS, {"names": some})}
    return found


def products_of(session: Session, names: Iterable[str]) -> dict[str, str]:
    """The products' ids by external id or display id."""
    found: dict[str, str] = {}
    for some in chunks(sorted(names)):
        for product_id, external_id in session.connection().execute(_PRODUCTS, {"names": some}):
            found.setdefault(product_id, product_id)
            if external_id is not None:
                found[external_id] = product_id
    return found


_Key = tuple[str, str | None, str]


@dataclass(slots=True)
class _Offer:
    """A price in credits of an order, and when it is in force. fixed: micro-credits, where the data does not matter."""

    attribute_id: str
    order_id: str
    customer_id: str
    product_id: str | None
    currency_id: str
    price: CreditPrice
    fixed: int | None
    since: datetime
    until: datetime | None

    def was_in_force(self, moment: datetime) -> bool:
        return self.since <= moment and (self.until is None or moment < self.until)


def _offers(session: Session, customers: Iterable[str]) -> dict[_Key, list[_Offer]]:
    """The prices in credits of these customers' orders, those of the order that began last first."""
    found: dict[_Key, list[_Offer]] = {}
    for some in chunks(sorted(customers)):
        for row in session.connection().execute(_PRICES, {"names": some}):
            key = (row.customer_id, row.product_id, row.event_name)
            price = credit_price(row.pricing)
            if price.credits_currency_id is not None:
                found.setdefault(key, []).append(_offer(row, price, price.credits_currency_id))
    return found


def _offer(row: Row[Any], price: CreditPrice, currency: str) -> _Offer:
    ends = [end for end in (row.valid_to, row.end_date, row.paused_at) if end is not None]
    return _Offer(
        attribute_id=row.id,
        order_id=row.order_id,
        customer_id=row.customer_id,
        product_id=row.product_id,
        currency_id=currency,
        price=price,
        fixed=burned_by_each(price),
        since=max(row.valid_from, row.start_date),
        until=min(ends, default=None),
    )


def _in_force(offers: Sequence[_Offer], moment: datetime) -> Sequence[_Offer]:
    """The first price of each currency that was in force at a moment."""
    found = [offer for offer in offers if offer.was_in_force(moment)]
    if len(found) > 1:
        firsts: dict[str, _Offer] = {}
        for offer in found:
            firsts.setdefault(offer.currency_id, offer)
        return list(firsts.values())
    return found


def _debit(use: Use, offer: _Offer, amount: int) -> Debit:
    return Debit(
        signal_id=use.signal_id,
        part=offer.currency_id,
        customer_id=offer.customer_id,
        currency_id=offer.currency_id,
        amount_micro=amount,
        occurred_at=use.occurred_at,
        event_name=use.event_name,
        product_id=offer.product_id,
        order_id=offer.order_id,
        seat_user_id=use.user,
        customer_unit_id=use.customer_unit,
    )
