"""Metering in one transaction: customers made, credits burned, what happened told."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import Table, delete, select
from sqlalchemy.orm import Session

from billing.customers.create import ensure_customer
from billing.ledger.book import DEBITS, chunks, insert_missing
from billing.ledger.debits import Debit, debit
from billing.metering.match import Matched, Refusal, match, strangers_only
from billing.metering.use import Use
from billing.tables.metering import MeteringRefusal


@dataclass(frozen=True)
class Metered:
    """debits: new or changed ones. refused: signals without a usable quantity. customers: made."""

    debits: int
    refused: int
    customers: int


def meter(session: Session, uses: Sequence[Use], now: datetime, *, again: bool = False) -> Metered:
    """Burn what these signals burn; known ones change nothing. Never commits.

    again: the signals are what the lake has now, so one that was debited and is matched by no price any more burns
    nothing from here on.
    """
    matched = match(session, uses)
    made = 0
    for name in strangers_only(matched.strangers):
        ensure_customer(session, name, now)
        made += 1
    debits = matched.debits
    if again:
        debits = [*debits, *_no_longer(session, uses, debits)]
    if debits:
        debit(session, debits, now)
    _note_refusals(session, matched, now)
    return Metered(len(matched.debits), len(matched.refused), made)


def _no_longer(session: Session, uses: Sequence[Use], debits: Sequence[Debit]) -> list[Debit]:
    """Debits that stand for these signals and that no price asks for now, with nothing to burn."""
    wanted = {(each.signal_id, each.part) for each in debits}
    gone: list[Debit] = []
    for names in chunks(sorted({use.signal_id for use in uses})):
        query = select(*(DEBITS.c[field.name] for field in fields(Debit))).where(
            DEBITS.c.signal_id.in_(names), DEBITS.c.amount_micro > 0
        )
        standing = (Debit(**row._mapping) for row in session.connection().execute(query))
        gone += [replace(each, amount_micro=0) for each in standing if (each.signal_id, each.part) not in wanted]
    return gone


def _note_refusals(session: Session, matched: Matched, now: datetime) -> None:
    table = cast(Table, MeteringRefusal.__table__)
    priced = {each.signal_id for each in matched.debits}
    if matched.refused:
        session.connection().execute(
            insert_missing(session.connection(), table), [_refusal_row(each, now) for each in matched.refused]
        )
        # a signal whose quantity was mended later is refused no more
    for names in chunks(sorted(priced)) if _has_refusals(session) else ():
        session.connection().execute(delete(table).where(table.c.signal_id.in_(names)))


_A_REFUSAL: Final = select(MeteringRefusal.signal_id).limit(1)


def _has_refusals(session: Session) -> bool:
    return session.connection().execute(_A_REFUSAL).first() is not None


def _refusal_row(refusal: Refusal, now: datetime) -> dict[str, Any]:
    return {
        "signal_id": refusal.signal_id,
        "order_attribute_id": refusal.order_attribute_id,
        "reason": refusal.reason,
        "occurred_at": refusal.occurred_at,
        "recorded_at": now,
    }
