"""Issue an order's invoices: one for each date on which something is to be charged, each thing charged once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from billing.ids import new_id
from billing.invoices.charges import Charge, charges_due, without
from billing.invoices.lines import CREDIT, Drafted, late_line, lines_of
from billing.invoices.overage import overage_lines
from billing.invoices.post import post_invoice, tell
from billing.invoices.state import DRAFT, offset_credits
from billing.invoices.usage import Usage
from billing.orders.periods import Span, add_months
from billing.orders.threads import Segment
from billing.tables.invoices import Invoice, InvoiceItem, InvoiceLine
from billing.tables.orders import Order

LATE_MONTHS = 13
"""Usage of periods that ended longer ago is not looked at again."""


@dataclass(frozen=True)
class Issued:
    """invoices: those that were made; blocked: dates whose invoices wait until their usage is known."""

    invoices: list[Invoice]
    blocked: set[datetime]


def to_measure(session: Session, order: Order, of: Iterable[Segment], now: datetime) -> list[Charge]:
    """The usage charges that are due, and those of the last months that were billed: late events change them."""
    keys = charged_keys(session, order)
    oldest = add_months(now, -LATE_MONTHS)
    due = [charge for charge in charges_due(order, of, now) if charge.kind == "usage"]
    return [charge for charge in due if charge.key not in keys or charge.span.end > oldest]


def issue(session: Session, order: Order, of: Sequence[Segment], usage: Usage | None, now: datetime) -> Issued:
    """Make the invoices that are due and not made, and post them if the order says so. Never commits.

    Of those that were due before the order was activated only the latest is posted; older ones stay drafts for someone
    to look at. usage: None where it is not at hand; dates that need it are left for later then, and all after them.
    """
    keys = charged_keys(session, order)
    charges = charges_due(order, of, now)
    drafts, blocked = _drafts(order, without(charges, keys), usage)
    if not blocked:
        for date, line in overage_lines(session, order, now):
            drafts.setdefault(date, []).append(line)
        if usage is not None:
            late = _late(session, order, charges, keys, usage, now)
            if late and (drafts or _is_over(order, now)):
                drafts.setdefault(max(drafts, default=now), []).extend(late)
    made = []
    for date in sorted(drafts):
        lines = drafts[date]
        if date == max(drafts):
            lines = lines + _waiting(session, order, sum(line.amount for line in lines))
        if any(line.amount for line in lines):
            made.append(_make(session, order, date, lines, now))
    first = _first_posted(order, charges)
    for invoice in made:
        if order.auto_post_invoices and invoice.billing_date >= first:
            post_invoice(session, invoice, now)
    return Issued(made, blocked)


def charge_now(session: Session, order: Order, lines: Sequence[Drafted], now: datetime) -> Invoice | None:
    """An invoice of these lines alone, posted if the order says so; None where they come to nothing. Never commits."""
    if not any(line.amount for line in lines):
        return None
    invoice = _make(session, order, now, lines, now)
    if order.auto_post_invoices:
        post_invoice(session, invoice, now)
    return invoice


def add_item(session: Session, order: Order, line: Drafted, now: datetime) -> None:
    """Leave a line for the order's next invoice; a credit is used up as invoices come. Never commits."""
    session.add(
        InvoiceItem(
            key=line.key, order_id=order.id, order_line_id=line.order_line_id,
            order_attribute_id=line.order_attribute_id, line_type=line.line_type, description=line.description,
            start_date=line.span.start, end_date=line.span.end, quantity=line.quantity, amount=line.amount, applied=0,
            parts=0, created_at=now,
        )
    )  # fmt: skip


def charged_keys(session: Session, order: Order) -> set[str]:
    """The keys of all that was ever charged for an order."""
    return set(session.scalars(select(InvoiceLine.key).where(InvoiceLine.order_id == order.id)))


def _drafts(
    order: Order, charges: Sequence[Charge], usage: Usage | None
) -> tuple[dict[datetime, list[Drafted]], set[datetime]]:
    drafts: dict[datetime, list[Drafted]] = {}
    blocked: set[datetime] = set()
    for date, of_date in groupby(charges, key=lambda each: each.billing_date):
        lines = None if blocked else lines_of(order, list(of_date), usage)
        if lines is None:
            blocked.add(date)
        else:
            drafts[date] = lines
    return {date: lines for date, lines in drafts.items() if any(line.amount for line in lines)}, blocked


def _late(
    session: Session, order: Order, charges: Iterable[Charge], keys: set[str], usage: Usage, now: datetime
) -> list[Drafted]:
    billed: dict[str, int] = {}
    query = select(InvoiceLine.key, InvoiceLine.amount).where(InvoiceLine.order_id == order.id)
    for key, amount in session.execute(query).all():
        stem = key.split("/late/")[0]
        billed[stem] = billed.get(stem, 0) + amount
    late = [
        late_line(order, charge, usage[charge.key], billed[charge.key], now)
        for charge in charges
        if charge.kind == "usage" and charge.key in keys and charge.key in usage
    ]
    return [line for line in late if line is not None]


def _first_posted(order: Order, charges: Iterable[Charge]) -> datetime:
    since = order.activated_at or order.start_date
    return max((charge.billing_date for charge in charges if charge.billing_date <= since), default=since)


def _is_over(order: Order, now: datetime) -> bool:
    return order.end_date is not None and order.end_date <= now


def _waiting(session: Session, order: Order, total: int) -> list[Drafted]:
    """What waits for an invoice; credits only as far as there is something to take them off."""
    query = (
        select(InvoiceItem)
        .where(InvoiceItem.order_id == order.id, InvoiceItem.amount != InvoiceItem.applied)
        .order_by(InvoiceItem.amount.desc(), InvoiceItem.created_at, InvoiceItem.key)
    )
    lines = []
    for item in session.scalars(query):
        left = item.amount - item.applied
        amount = left if left > 0 else max(left, -max(total, 0))
        if amount == 0:
            continue
        total += amount
        item.applied += amount
        item.parts += 1
        lines.append(
            Drafted(
                f"{item.key}/{item.parts}", item.description, Span(item.start_date, item.end_date), item.quantity,
                amount, item.order_line_id, item.order_attribute_id, item.line_type,
            )
        )  # fmt: skip
    return lines


def _make(session: Session, order: Order, date: datetime, lines: Sequence[Drafted], now: datetime) -> Invoice:
    stem = f"{order.id}/{date.isoformat()}"
    same = session.scalar(select(func.count()).where(Invoice.key.startswith(stem, autoescape=True))) or 0
    number = (session.scalar(select(func.max(Invoice.number))) or 0) + 1
    contact = order.billing_contact_ids[0] if order.billing_contact_ids else None
    invoice = Invoice(
        id=new_id("inv"), key=f"{stem}/{same}" if same else stem, number=number, order_id=order.id,
        customer_id=order.billing_customer_id or order.customer_id, billing_contact_id=contact, status=DRAFT,
        source="order_based", currency=order.currency, billing_date=date,
        start_date=min(line.span.start for line in lines), end_date=max(line.span.end for line in lines),
        issue_date=date, posted_date=None, due_date=None, paid_date=None, total=sum(line.amount for line in lines),
        paid=0, purchase_order_reference=order.purchase_order_reference, details=None, created_at=now, updated_at=now,
        lines=[
            InvoiceLine(
                id=new_id("il"), key=line.key, position=place, order_id=order.id, order_line_id=line.order_line_id,
                order_attribute_id=line.order_attribute_id, line_type=line.line_type, description=line.description,
                start_date=line.span.start, end_date=line.span.end, quantity=line.quantity, amount=line.amount,
                credited=0, paid=0, details=line.details, created_at=now, updated_at=now,
            )
            for place, line in enumerate(lines)
        ],
    )  # fmt: skip
    offset_credits(invoice.lines)
    session.add(invoice)
    session.flush()
    tell(session, "created", invoice, now)
    return invoice


def credit(
    key: str, description: str, span: Span, amount: int, line_id: str | None, attribute_id: str | None
) -> Drafted:
    """A line that takes something off."""
    return Drafted(key, description, span, 1, -abs(amount), line_id, attribute_id, CREDIT)
