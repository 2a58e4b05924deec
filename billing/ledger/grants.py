"""Give credits: at once, or pending until something is paid; each grant once, whoever asks for it and however often."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from billing.ids import new_id
from billing.ledger import terms
from billing.ledger.book import GRANTS, TOTALS, Book, Usage, wallet_id
from billing.ledger.settling import settle
from billing.ledger.terms import OPEN, PENDING, PURCHASED, UNLIMITED, VOID, Pool


@dataclass(frozen=True, kw_only=True)
class Grant:
    """The terms of a grant. key: whatever is the same for the same grant, like ``order/ord_1/pa_1/cc_1/2026-03-15``.

    Spendable from `starts_at` to the earlier of `ends_at` and `expires_at`, then up to `rollover_micro` of it to the
    earlier of `rollover_ends_at` and `expires_at`. overage_unit_price: minor units per credit that usage costs when
    no credits are left while the grant is valid. pending: not spendable until it is released.
    """

    key: str
    customer_id: str
    currency_id: str
    amount_micro: int
    starts_at: datetime
    ends_at: datetime | None = None
    rollover_micro: int | None = None
    rollover_ends_at: datetime | None = None
    expires_at: datetime | None = None
    origin: str = PURCHASED
    priority: int = 0
    order_id: str | None = None
    product_id: str | None = None
    seat_user_id: str | None = None
    overage_unit_price: Decimal | int | None = None
    pending: bool = False
    is_infinite: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.amount_micro <= UNLIMITED:
            raise ValueError(f"a grant of {self.amount_micro} micro-credits: must be from 0 to {UNLIMITED}")
        if not 0 <= (self.rollover_micro or 0) <= UNLIMITED:
            raise ValueError(f"a rollover of {self.rollover_micro} micro-credits: must be from 0 to {UNLIMITED}")


@dataclass(frozen=True)
class Opened:
    """A grant that is there now; `created` when it was not there before."""

    id: str
    created: bool


def open_grant(session: Session, grant: Grant, now: datetime) -> Opened:
    """Give the credits, unless a grant of this key was given before: then that one is it, whatever its terms.

    Pending consumption of the wallet is paid from it first, the oldest first. Never commits.
    """
    book = Book(session, [(grant.customer_id, grant.currency_id)], now)
    known = session.connection().execute(select(GRANTS.c.id).where(GRANTS.c.key == grant.key)).scalar()
    if known is not None:
        return Opened(known, created=False)
    pool = _insert(book, grant)
    usage = _about(pool, grant.customer_id, grant.currency_id, now)
    if grant.pending:
        book.move(f"{pool.id}/pending", "pendingGrant", "issued", "pending", pool.amount, usage, pool.id)
        book.write()
    else:
        book.move(f"{pool.id}/grant", "grant", "issued", "grant", pool.amount, usage, pool.id)
        _now_spendable(book, pool)
    return Opened(pool.id, created=True)


def release_pending(
    session: Session, now: datetime, *, order_id: str | None = None, keys: Sequence[str] = ()
) -> list[str]:
    """Make pending grants spendable: those of an order, or those of these keys. Gives the ids of those that were.

    Grants that are not pending any more, or not known, are left as they are. Never commits.
    """
    query = select(GRANTS.c.id, GRANTS.c.customer_id, GRANTS.c.currency_id).join_from(
        GRANTS, TOTALS, TOTALS.c.grant_id == GRANTS.c.id
    )
    chosen = GRANTS.c.order_id == order_id if order_id is not None else GRANTS.c.key.in_(keys)
    query = query.where(chosen, TOTALS.c.status == PENDING).order_by(GRANTS.c.starts_at, GRANTS.c.key)
    session.flush()
    rows = session.connection().execute(query).all()
    book = Book(session, [(row.customer_id, row.currency_id) for row in rows], now)
    book.load_grants(row.id for row in rows)
    released = []
    for row in rows:
        pool = book.pools[row.id]
        if pool.status != PENDING:
            continue  # another transaction released it while we waited for the wallet
        usage = _about(pool, row.customer_id, row.currency_id, now)
        book.move(f"{pool.id}/release", "release", "pending", "grant", pool.amount, usage, pool.id)
        pool.status = OPEN
        _now_spendable(book, pool)
        released.append(pool.id)
    return released


def void_grant(session: Session, key: str, now: datetime) -> bool:
    """Take back what is left of a grant; what was spent of it stays spent. False when it is not there or void already.

    Never commits.
    """
    session.flush()
    found = select(GRANTS.c.id, GRANTS.c.customer_id, GRANTS.c.currency_id).where(GRANTS.c.key == key)
    row = session.connection().execute(found).one_or_none()
    if row is None:
        return False
    book = Book(session, [(row.customer_id, row.currency_id)], now)
    book.load_grants([row.id])
    pool = book.pools[row.id]
    if pool.status == VOID:
        return False
    left = max(pool.amount - pool.inside - pool.rolled, 0)
    account = "pending" if pool.status == PENDING else "grant"
    usage = _about(pool, row.customer_id, row.currency_id, now)
    book.move(f"{pool.id}/void", "void", account, "void", left, usage, pool.id)
    pool.status, pool.void = VOID, left
    book.touch(pool)
    book.write()
    return True


def _now_spendable(book: Book, pool: Pool) -> None:
    wallet = book.wallets[pool.wallet_id]
    book.touch(pool)
    settle(book, wallet, pool)
    if pool.available(book.now) > 0 and wallet.is_depleted:
        wallet.is_depleted = False
        book.touch_wallet(wallet)
    book.write()


def _insert(book: Book, grant: Grant) -> Pool:
    main = terms.main_end(grant.ends_at, grant.expires_at)
    last = terms.last_end(grant.ends_at, grant.rollover_micro, grant.rollover_ends_at, grant.expires_at)
    price = None if grant.overage_unit_price is None else Decimal(grant.overage_unit_price)
    amount = UNLIMITED if grant.is_infinite else grant.amount_micro
    pool = Pool(
        new_id("gr"), grant.key, wallet_id(grant.customer_id, grant.currency_id), amount, grant.is_infinite,
        grant.starts_at, main, last, grant.rollover_micro or 0, grant.origin, grant.priority, grant.order_id,
        grant.product_id, grant.seat_user_id, price, book.now, PENDING if grant.pending else OPEN, 0, 0, 0, 0,
    )  # fmt: skip
    book.connection.execute(
        insert(GRANTS),
        {
            "id": pool.id, "key": grant.key, "wallet_id": pool.wallet_id, "customer_id": grant.customer_id,
            "currency_id": grant.currency_id, "amount_micro": amount, "is_infinite": grant.is_infinite,
            "starts_at": grant.starts_at, "ends_at": grant.ends_at, "rollover_micro": grant.rollover_micro,
            "rollover_ends_at": grant.rollover_ends_at, "expires_at": grant.expires_at, "main_end": main,
            "last_end": last, "origin": grant.origin, "priority": grant.priority, "order_id": grant.order_id,
            "product_id": grant.product_id, "seat_user_id": grant.seat_user_id, "overage_unit_price": price,
            "created_at": book.now,
        },
    )  # fmt: skip
    book.connection.execute(
        insert(TOTALS),
        {"grant_id": pool.id, "status": pool.status, "inside_micro": 0, "rollover_spent_micro": 0, "overage_micro": 0,
         "void_micro": 0},
    )  # fmt: skip
    book.add(pool)
    return pool


def _about(pool: Pool, customer_id: str, currency_id: str, now: datetime) -> Usage:
    return Usage(customer_id, currency_id, now, order_id=pool.order_id, product_id=pool.product_id)
