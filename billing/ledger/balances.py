"""What a customer has: grants as they stand at a moment, summed up by currency and by whom they are for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, bindparam, or_, select
from sqlalchemy.orm import Session

from billing.ledger.book import GRANTS, TOTALS, WALLETS, pool_of, pools
from billing.ledger.terms import OPEN, UNLIMITED, Pool
from billing.tables.ledger import CreditCurrency

ORGANIZATION: Final = "organization"
SEAT: Final = "seat"


_WALLETS: Final = (
    select(
        WALLETS.c.id, WALLETS.c.unfunded_micro, CreditCurrency.id.label("currency"), CreditCurrency.key,
        CreditCurrency.name,
    )
    .join_from(WALLETS, CreditCurrency, CreditCurrency.id == WALLETS.c.currency_id)
    .where(WALLETS.c.customer_id == bindparam("customer"))
    .order_by(CreditCurrency.key)
)  # fmt: skip
_VALID: Final = pools(GRANTS.c.ends_at, GRANTS.c.rollover_micro, GRANTS.c.rollover_ends_at).where(
    GRANTS.c.wallet_id.in_(bindparam("wallets", expanding=True)),
    TOTALS.c.status == OPEN,
    GRANTS.c.starts_at <= bindparam("at"),
    or_(GRANTS.c.last_end.is_(None), GRANTS.c.last_end > bindparam("at")),
)


@dataclass(frozen=True)
class GrantBalance:
    """A grant at a moment. available is capped within the rollover window; used counts all that was spent of it."""

    id: str
    available: int
    used: int
    total: int
    rollover: int | None
    period_start: datetime
    period_end: datetime | None
    rollover_end: datetime | None
    expires_at: datetime | None
    is_in_rollover_window: bool
    origin: str
    order_id: str | None
    product_id: str | None
    seat_user_id: str | None


@dataclass(frozen=True)
class Balance:
    """A customer's credits of one currency for the organization, or for all its seats, in micro-credits.

    unfunded: pending consumption, in the organization's balance.
    """

    currency_id: str
    currency_name: str
    currency_key: str
    recipient: str  # organization | seat
    available: int
    used: int
    total: int
    unfunded: int
    grants: list[GrantBalance]


def balances(session: Session, customer_id: str, at: datetime, *, allow_negative: bool = False) -> list[Balance]:
    """One balance per currency that the customer has had to do with, and another where seats have grants of their own.

    Only grants that can be spent at the moment count. allow_negative: pending consumption is taken from what the
    organization has available, which may go below zero.
    """
    session.flush()
    connection = session.connection()
    wallets = connection.execute(_WALLETS, {"customer": customer_id}).all()
    if not wallets:
        return []
    held: dict[tuple[str, str], list[GrantBalance]] = {}
    valid = connection.execute(_VALID, {"wallets": [wallet.id for wallet in wallets], "at": at})
    found = [(pool_of(row), row[-3:]) for row in valid]
    for pool, (ends_at, rollover, rollover_ends_at) in sorted(found, key=lambda each: each[0].order):
        recipient = ORGANIZATION if pool.seat is None else SEAT
        balance = _of_grant(pool, at, ends_at, rollover, rollover_ends_at)
        held.setdefault((pool.wallet_id, recipient), []).append(balance)
    return [
        _balance(held.get((wallet.id, recipient), []), recipient, wallet, allow_negative)
        for wallet in wallets
        for recipient in (ORGANIZATION, SEAT)
        if recipient == ORGANIZATION or (wallet.id, recipient) in held
    ]


def _of_grant(
    pool: Pool, at: datetime, ends_at: datetime | None, rollover: int | None, rollover_ends_at: datetime | None
) -> GrantBalance:
    used = pool.inside + pool.rolled
    return GrantBalance(
        id=pool.id,
        available=pool.available(at),
        used=used,
        total=UNLIMITED + used if pool.is_infinite else pool.amount,
        rollover=rollover,
        period_start=pool.starts_at,
        period_end=ends_at,
        rollover_end=rollover_ends_at,
        expires_at=pool.last_end,
        is_in_rollover_window=not pool.is_inside(at),
        origin=pool.origin,
        order_id=pool.order_id,
        product_id=pool.product_id,
        seat_user_id=pool.seat,
    )


def _balance(grants: Sequence[GrantBalance], recipient: str, wallet: Row[Any], allow_negative: bool) -> Balance:
    unfunded = wallet.unfunded_micro if recipient == ORGANIZATION else 0
    return Balance(
        currency_id=wallet.currency,
        currency_name=wallet.name,
        currency_key=wallet.key,
        recipient=recipient,
        available=sum(grant.available for grant in grants) - (unfunded if allow_negative else 0),
        used=sum(grant.used for grant in grants),
        total=sum(grant.total for grant in grants),
        unfunded=unfunded,
        grants=list(grants),
    )
