"""Caps: the most that a unit of a customer, and all units below it, may spend of a currency in a month.

Versions are never changed, only ended; where several hold at a moment, the newest one does. Periods begin at midnight
UTC on the day of the month of the version's start (in shorter months on their last day).
"""

import calendar
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, case, func, or_, select
from sqlalchemy.orm import Session

from billing.customers.units import Tree
from billing.ids import new_id
from billing.tables.customers import CustomerUnit, CustomerUnitCap
from billing.tables.ledger import CreditDebit, LedgerEntry

SPENT: Final = "spent"
"""The ledger's account of what was burned, whatever bore it."""


class Period(NamedTuple):
    """From `start` until before `end`."""

    start: datetime
    end: datetime


def period_at(anchor: datetime, moment: datetime) -> Period:
    """The period of a cap that began at `anchor` which holds `moment`; before the anchor they go on backwards."""
    day = anchor.astimezone(UTC).day
    at = moment.astimezone(UTC)
    first = at.year * 12 + at.month - 1
    if at < _begin(first, day):
        first -= 1
    return Period(_begin(first, day), _begin(first + 1, day))


def _begin(month: int, day: int) -> datetime:
    # months from the year 0 on; what lies outside of the calendar is cut off at its ends
    year, month_of_year = divmod(month, 12)
    if year < 1:
        return datetime.min.replace(tzinfo=UTC)
    if year > 9999:
        return datetime.max.replace(tzinfo=UTC)
    last = calendar.monthrange(year, month_of_year + 1)[1]
    return datetime(year, month_of_year + 1, min(day, last), tzinfo=UTC)


def put(
    session: Session, unit: CustomerUnit, currency_id: str, amount_micro: int, effective_from: datetime, now: datetime
) -> CustomerUnitCap:
    """Record a new version, flushed."""
    newest = session.scalar(select(func.max(CustomerUnitCap.sequence)).where(*_of(unit, currency_id)))
    cap = CustomerUnitCap(
        id=new_id("cap"), customer_id=unit.customer_id, unit_id=unit.id, currency_id=currency_id,
        amount_micro=amount_micro, frequency="MONTHLY", effective_from=effective_from, effective_until=None,
        source="api", created_at=now, sequence=(newest or 0) + 1,
    )  # fmt: skip
    session.add(cap)
    session.flush()
    return cap


def versions(session: Session, unit: CustomerUnit, currency_id: str) -> list[CustomerUnitCap]:
    """All versions of a unit's cap, the newest first."""
    query = select(CustomerUnitCap).where(*_of(unit, currency_id)).order_by(CustomerUnitCap.sequence.desc())
    return list(session.scalars(query))


def in_force(caps: Iterable[CustomerUnitCap], moment: datetime) -> CustomerUnitCap | None:
    """The version that holds at a moment, of versions that are in order, the newest first."""
    return next((cap for cap in caps if cap.effective_from <= moment and is_open(cap, moment)), None)


def is_open(cap: CustomerUnitCap, moment: datetime) -> bool:
    """Whether a version is not over at a moment; it may still have to begin."""
    return cap.effective_until is None or cap.effective_until > moment


def end(session: Session, caps: Iterable[CustomerUnitCap], now: datetime) -> int:
    """End all versions that are open, those that have yet to begin too, and flush; how many there were."""
    ended = [cap for cap in caps if is_open(cap, now)]
    for cap in ended:
        cap.effective_until = now
    session.flush()
    return len(ended)


def used_in(session: Session, tree: Tree, unit: CustomerUnit, currency_id: str, period: Period) -> int:
    """Micro-credits burned in a period by the unit and all below it; by the whole customer where it is the root."""
    if unit.parent_id is None:
        moved = case((LedgerEntry.credit_account == SPENT, LedgerEntry.amount_micro), else_=-LedgerEntry.amount_micro)
        query = select(func.sum(moved)).where(
            LedgerEntry.customer_id == unit.customer_id,
            LedgerEntry.currency_id == currency_id,
            LedgerEntry.occurred_at >= period.start,
            LedgerEntry.occurred_at < period.end,
            or_(LedgerEntry.credit_account == SPENT, LedgerEntry.debit_account == SPENT),
        )
    else:
        query = select(func.sum(CreditDebit.amount_micro)).where(
            CreditDebit.customer_id == unit.customer_id,
            CreditDebit.customer_unit_id.in_([each.external_id for each in tree.below(unit)]),
            CreditDebit.currency_id == currency_id,
            CreditDebit.occurred_at >= period.start,
            CreditDebit.occurred_at < period.end,
        )
    return int(session.scalar(query) or 0)


def _of(unit: CustomerUnit, currency_id: str) -> tuple[ColumnElement[bool], ...]:
    return (CustomerUnitCap.unit_id == unit.id, CustomerUnitCap.currency_id == currency_id)
