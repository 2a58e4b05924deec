"""What customer units have burned, for their caps."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from billing.ledger.book import DEBITS, chunks


def spend_of_units(
    session: Session, unit_ids: Collection[str], currency_id: str | None, since: datetime, until: datetime
) -> int:
    """Micro-credits that signals of these units burned from `since` until before `until`, whatever bore them.

    currency_id: None for those of all currencies.
    """
    session.flush()
    spent = 0
    for names in chunks(sorted(unit_ids)):
        query = select(func.sum(DEBITS.c.amount_micro)).where(
            DEBITS.c.customer_unit_id.in_(names), DEBITS.c.occurred_at >= since, DEBITS.c.occurred_at < until
        )
        if currency_id is not None:
            query = query.where(DEBITS.c.currency_id == currency_id)
        spent += int(session.connection().execute(query).scalar() or 0)
    return spent
