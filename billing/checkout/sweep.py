"""What time alone does to checkouts: those that expired are told of, once."""

from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.checkout.terms import is_in, tell
from billing.context import Billing
from billing.tables.checkouts import Checkout

_AT_ONCE: Final = 200


def tell_expired(billing: Billing) -> int:
    """Queue the webhooks of checkouts that expired since the last time; how many. Meant to be called every minute."""
    now = billing.clock()

    def work(session: Session) -> int:
        query = select(Checkout).where(is_in("expired", now), Checkout.expiry_told_at.is_(None))
        rows = session.scalars(
            query.order_by(Checkout.expires_at).limit(_AT_ONCE).with_for_update(skip_locked=True)
        ).all()
        for row in rows:
            row.expiry_told_at = now
            tell(session, "billing-checkout-expired", row, now, billing.public_url)
        return len(rows)

    total = 0
    while told := billing.database.write(work):
        total += told
    return total
