"""Credits that somebody gives by hand, over the API: spendable at once, in an active currency, once per request."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.api.errors import invalid, not_found
from billing.audit import actor
from billing.clock import utc_now
from billing.ids import new_id
from billing.ledger.grants import Grant, Opened, open_grant
from billing.tables.audit import AuditEntry
from billing.tables.customers import Customer
from billing.tables.ledger import CreditCurrency, CreditGrant

ORIGIN: Final = "manual"


@dataclass(frozen=True)
class ManualGrant:
    """What was asked for. request_key: the same for a request that is sent again; None when the client has none."""

    currency_key: str
    amount_micro: int
    starts_at: datetime | None
    expires_at: datetime | None
    request_key: str | None


def grant_by_hand(
    session: Session, customer: Customer, asked: ManualGrant, now: datetime
) -> tuple[Opened, CreditGrant, CreditCurrency]:
    """Make the grant, or find the one that the same request made. Raises the API's 400 and 404."""
    currency = session.scalar(select(CreditCurrency).where(CreditCurrency.key == asked.currency_key))
    if currency is None:
        raise not_found("credit currency", asked.currency_key)
    starts_at = asked.starts_at or now
    key = f"manual/{customer.id}/{new_id('rq') if asked.request_key is None else 'key/' + asked.request_key}"
    before = session.scalar(select(CreditGrant).where(CreditGrant.key == key))
    if before is None:
        if currency.status != "active":
            raise invalid(f"creditCurrencyKey: {currency.key!r} is archived")
        if starts_at > now:
            raise invalid("startsAt: must not be after now")
        if asked.expires_at is not None and asked.expires_at <= starts_at:
            raise invalid("expiresAt: must be after startsAt")
    grant = Grant(
        key=key,
        customer_id=customer.id,
        currency_id=currency.id if before is None else before.currency_id,
        amount_micro=asked.amount_micro,
        starts_at=starts_at,
        expires_at=asked.expires_at,
        origin=ORIGIN,
    )
    opened = open_grant(session, grant, now)
    made = session.get_one(CreditGrant, opened.id)
    same_start = asked.starts_at is None or asked.starts_at == made.starts_at
    same = (made.currency_id, made.amount_micro, made.expires_at) == (currency.id, asked.amount_micro, asked.expires_at)
    if not (same and same_start):
        raise invalid("Idempotency-Key: was used for another grant")
    if opened.created:
        _put_on_record(session, made)
    return opened, made, currency


def _put_on_record(session: Session, made: CreditGrant) -> None:
    # The ledger says what was given; who gave it, only the audit log can say.
    given = {
        "key": made.key,
        "customer_id": made.customer_id,
        "currency_id": made.currency_id,
        "amount_micro": made.amount_micro,
        "starts_at": made.starts_at.isoformat(),
        "expires_at": made.expires_at.isoformat() if made.expires_at else None,
    }
    session.add(
        AuditEntry(
            recorded_at=utc_now(), actor=actor(), action="create", object_type=CreditGrant.__tablename__,
            object_id=made.id, before=None, after=given,
        )
    )  # fmt: skip
