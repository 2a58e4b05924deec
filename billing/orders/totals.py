"""What an order comes to: over its term, or in one period where it has no end; and what of it is billed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from billing.api.errors import ApiError
from billing.invoices.amounts import price_of, rounded
from billing.invoices.charges import charges_due
from billing.orders.periods import add_months
from billing.orders.rows import end_of, terms, thread_of
from billing.orders.sold import sold_by
from billing.orders.threads import attributes_of, billing_months, segments
from billing.tables.invoices import Invoice
from billing.tables.orders import Order, OrderAttribute

_LONGEST: Final = 1200


@dataclass(frozen=True)
class Totals:
    """Cents. amount: fees and what is bought once, without usage; billed: of invoices that are not void."""

    amount: int
    billed: int

    @property
    def pending(self) -> int:
        """What is still to be billed of the amount."""
        return max(self.amount - self.billed, 0)


def totals(session: Session, order: Order) -> Totals:
    """The totals of an order; those of a draft as if it were activated as it is."""
    billed = session.scalar(
        select(func.coalesce(func.sum(Invoice.total), 0)).where(
            Invoice.order_id == order.id, Invoice.status != "voided"
        )
    )
    rows = attributes_of(session, order) if order.activated_at is not None else _planned(session, order)
    return Totals(_amount(order, rows), int(billed or 0))


def _amount(order: Order, rows: Sequence[OrderAttribute]) -> int:
    of = segments(order, rows)
    if order.end_date is not None:
        charges = charges_due(order, of, min(order.end_date, add_months(order.start_date, _LONGEST)))
        return sum(rounded(charge.amount) for charge in charges if charge.amount is not None)
    present: dict[str, int] = {}
    for segment in of:
        dated, months = segment.rows[-1], billing_months(order, segment)
        price = price_of(dated.pricing, order.currency, dated.row.quantity)
        if segment.ends is None and dated.pricing.charge_type != "usage":
            present[segment.thread] = rounded(price * (months or 1) / (segment.months or 1))
    return sum(present.values())


def _planned(session: Session, order: Order) -> list[OrderAttribute]:
    rows = []
    for line in order.lines:
        try:
            sold = sold_by(session, order, line)
        except ApiError:
            continue
        rows += [
            OrderAttribute(
                id=f"{line.id}/{place}", order_id=order.id, order_line_id=line.id, customer_id=order.customer_id,
                product_id=line.product_id, product_attribute_id=each.product_attribute_id, valid_from=line.start_date,
                valid_to=end_of(order, line), series=thread_of(line, each, place), **terms(each),
            )
            for place, each in enumerate(sold)
        ]  # fmt: skip
    return rows
