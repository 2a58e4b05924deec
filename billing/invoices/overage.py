"""Credits spent beyond what there was, at the price that their grant names: what of it is billed, and what is not."""

from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from billing.invoices.amounts import rounded, shown_quantity
from billing.invoices.lines import Drafted
from billing.orders.periods import Calendar, Span
from billing.orders.threads import override_months
from billing.tables.invoices import InvoiceLine
from billing.tables.ledger import CreditGrant, LedgerEntry
from billing.tables.orders import Order
from billing.units import MICRO, decimal_text, from_micro


def overage_lines(session: Session, order: Order, now: datetime) -> list[tuple[datetime, Drafted]]:
    """Billing dates and lines of the overage that is not billed: that of periods that are over, and of late usage.

    It is counted from the order's beginning: what came late is billed with the next period.
    """
    prices = {
        row.id: row
        for row in session.execute(
            select(CreditGrant.id, CreditGrant.overage_unit_price, CreditGrant.product_id).where(
                CreditGrant.order_id == order.id, CreditGrant.overage_unit_price.is_not(None)
            )
        )
    }
    if not prices:
        return []
    stem = f"{order.id}/overage/"
    billed = session.execute(
        select(InvoiceLine.end_date, InvoiceLine.amount).where(
            InvoiceLine.order_id == order.id, InvoiceLine.key.startswith(stem, autoescape=True)
        )
    ).all()
    so_far, last = sum(row.amount for row in billed), max((row.end_date for row in billed), default=order.start_date)
    found = []
    for span in _over(order, now):
        if span.end <= last:
            continue
        spent = _spent(session, list(prices), span.end)
        exact = sum(
            (Fraction(amount, MICRO) * Fraction(prices[grant].overage_unit_price) for grant, amount in spent.items()),
            Fraction(0),
        )
        amount = rounded(exact) - so_far
        if amount > 0:
            credits = from_micro(sum(spent.values()))
            found.append(
                (span.end, Drafted(
                    f"{stem}{span.end.isoformat()}", "Overage", span, shown_quantity(Decimal(credits)), amount,
                    details={"creditsSinceStart": decimal_text(credits), "billedBefore": so_far},
                ))
            )  # fmt: skip
            so_far += amount
    return found


def _over(order: Order, now: datetime) -> list[Span]:
    periods = Calendar(order.start_date, override_months(order) or 1, order.billing_anchor).periods(now)
    ended = order.end_date if order.end_date is not None and order.end_date <= now else None
    spans = [span if ended is None or span.end <= ended else Span(span.start, ended) for span in periods]
    return [span for span in spans if span.start < span.end <= now]


def _spent(session: Session, grants: list[str], before: datetime) -> dict[str, int]:
    """Micro-credits of overage by grant, of usage before a moment; what was reversed does not count."""
    found: dict[str, int] = {}
    for account, sign in ((LedgerEntry.debit_account, 1), (LedgerEntry.credit_account, -1)):
        query = (
            select(LedgerEntry.grant_id, func.sum(LedgerEntry.amount_micro))
            .where(LedgerEntry.grant_id.in_(grants), account == "overage", LedgerEntry.occurred_at < before)
            .group_by(LedgerEntry.grant_id)
        )
        for grant, amount in session.execute(query).all():
            found[grant] = found.get(grant, 0) + sign * int(amount)
    return found
