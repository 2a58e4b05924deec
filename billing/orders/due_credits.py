"""The credits that an order's benefits bring, period by period, and what of them earlier periods have brought already.

An amendment that gives an attribute other periods cuts the running one short. Its money is credited by the day; its
credits stay, and count by the day towards what the new periods bring. So no day's credits come twice.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final

from billing.api.errors import invalid
from billing.catalog.pricing import CreditBenefit
from billing.invoices.amounts import rounded
from billing.ledger.terms import UNLIMITED
from billing.orders.periods import FAR, Span
from billing.orders.threads import AMENDMENT, Dated, Segment, billing_months, calendar
from billing.tables.orders import Order
from billing.units import MICRO

_SHARED: Final = "organization"


@dataclass(frozen=True)
class Due:
    """A benefit of a period that has begun. span: when its credits can be spent; billing_date: of their invoice.

    amount: micro-credits, for all units, or for one seat; granted: what of it the periods before an amendment have
    brought, in grants whose keys are, or begin with, `before_key`.
    """

    key: str
    segment: Segment
    dated: Dated
    benefit: CreditBenefit
    place: int
    span: Span
    is_open: bool  # whether it has no end
    billing_date: datetime
    granted: int = 0
    before_key: str | None = None

    @property
    def is_shared(self) -> bool:
        """Whether its credits are for all of the organization, not for those who have seats."""
        return self.benefit.recipient == _SHARED

    @property
    def units(self) -> int:
        """What the amount of a shared benefit is multiplied by."""
        return _units(self.dated)

    @property
    def amount(self) -> int:
        """Micro-credits that the period brings."""
        return micro(self.benefit.amount * (self.units if self.is_shared else 1))

    def is_running(self, now: datetime) -> bool:
        """Whether its credits can be spent at a moment, and what they come with is still sold."""
        is_sold = self.segment.ends is None or self.segment.ends > now
        return is_sold and (self.is_open or self.span.end > now)


def due_credits(order: Order, of: Iterable[Segment], now: datetime) -> Iterator[Due]:
    """All that has come due up to a moment, of each segment in the order of time."""
    for segment in of:
        dues = sorted(_of_segment(order, segment, now), key=lambda due: (due.span.start, due.place))
        brought = {place: _brought(order, segment, place) for place in {due.place for due in dues}}
        for due in dues:
            left, before_key = brought[due.place]
            granted = 0 if due.benefit.is_infinite_total else min(left, due.amount)
            brought[due.place] = (left - granted, before_key)
            yield replace(due, granted=granted, before_key=before_key)


def micro(amount: Decimal) -> int:
    """Credits in micro-credits. Raises the API's 400 for more than a grant can have."""
    scaled = int(amount * MICRO)
    if scaled > UNLIMITED:
        raise invalid(f"creditBenefits: {amount} credits at once are more than {UNLIMITED // MICRO}")
    return scaled


def _of_segment(order: Order, segment: Segment, now: datetime) -> Iterator[Due]:
    if segment.months is None:
        yield from _once(order, segment, now)
        return
    for months in sorted({segment.months, 1}):
        for span in calendar(order, segment, months).periods(now):
            parts = segment.within(span)
            if not parts or parts[0][1].start > now:
                continue
            dated, part = parts[0]
            end = span.end if order.end_date is None else min(span.end, order.end_date)
            for place, benefit in enumerate(dated.benefits):
                if months == (1 if benefit.allocation_cadence == "monthly" else segment.months):
                    yield Due(
                        _key(order, segment, benefit, place, span.start), segment, dated, benefit, place,
                        Span(part.start, end), False, _billing_date(order, segment, dated, part.start),
                    )  # fmt: skip


def _once(order: Order, segment: Segment, now: datetime) -> Iterator[Due]:
    dated = segment.rows[0]
    if segment.begins > now or not (segment.is_first or segment.is_amended):
        return
    for place, benefit in enumerate(dated.benefits):
        yield Due(
            _key(order, segment, benefit, place, None), segment, dated, benefit, place,
            Span(segment.begins, order.end_date or FAR), order.end_date is None,
            _billing_date(order, segment, dated, segment.begins),
        )  # fmt: skip


def _brought(order: Order, segment: Segment, place: int) -> tuple[int, str | None]:
    """Micro-credits of a benefit that the segment before an amended one has brought for days after its end, and the key
    of the grant that did.
    """
    before, at = segment.before, segment.begins
    mine = segment.rows[0].benefits
    if before is None or not segment.is_amended or before.months is None or place >= len(mine):
        return 0, None
    dues = [due for due in _of_segment(order, before, at) if due.place == place]
    if not dues:
        return 0, None
    last = max(dues, key=lambda due: due.span.start)
    other = last.benefit
    if (other.credits_currency_id, other.recipient, other.is_infinite_total) != (
        mine[place].credits_currency_id, mine[place].recipient, False
    ):  # fmt: skip
        return 0, None
    left = max(_brought(order, before, place)[0] - sum(due.amount for due in dues), 0)
    days = min((last.span.end.date() - at.date()).days, last.span.days)
    share = rounded(Fraction(_granted_in(last) * max(days, 0), last.span.days))
    return left + share, last.key


def _granted_in(due: Due) -> int:
    """Micro-credits that a period has brought, with those of units that came within it."""
    total, before = due.amount, due.dated
    for dated, _ in due.segment.within(due.span) if due.is_shared else ():
        if dated.row.opened_by == AMENDMENT and due.place < len(dated.benefits):
            total += micro(dated.benefits[due.place].amount * max(_units(dated) - _units(before), 0))
        before = dated
    return total


def _units(dated: Dated) -> int:
    return 1 if dated.pricing.charge_type == "usage" else dated.row.quantity


def _key(order: Order, segment: Segment, benefit: CreditBenefit, place: int, start: datetime | None) -> str:
    when = "once" if start is None else start.isoformat()
    return f"order/{order.id}/{segment.thread}/{benefit.credits_currency_id}/{benefit.recipient}/{place}/{when}"


def _billing_date(order: Order, segment: Segment, dated: Dated, start: datetime) -> datetime:
    """The date of the invoice that asks for what begins at a moment; the moment itself where nothing is asked for."""
    months = billing_months(order, segment)
    is_paid = dated.pricing.charge_type != "usage" and dated.pricing.pricing_model != "PrepaidCredits"
    if months is None:
        return start if dated.pricing.in_advance else calendar(order, segment, 1).at(start).end
    if not is_paid:
        return start
    span = calendar(order, segment, months).at(start)
    if dated.pricing.in_advance:
        return max(span.start, segment.begins)
    return span.end if segment.ends is None else min(span.end, segment.ends)
