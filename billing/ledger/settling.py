"""Pending consumption finds its credits: whatever makes credits spendable pays for what waited, the oldest first."""

from typing import Final

from sqlalchemy import bindparam, delete, select, update

from billing.ledger.book import PENDING, Book, Usage, Wallet
from billing.ledger.terms import Pool

_AT_ONCE: Final = 2_000

_OF_SIGNAL: Final = (PENDING.c.signal_id == bindparam("of_signal"), PENDING.c.part == bindparam("of_part"))
_PAID: Final = delete(PENDING).where(*_OF_SIGNAL)
_LEAVE: Final = (
    update(PENDING).where(*_OF_SIGNAL).values(remaining_micro=bindparam("left"), settlements=PENDING.c.settlements + 1)
)


def settle(book: Book, wallet: Wallet, pool: Pool) -> None:
    """Pay as much of the wallet's pending consumption from the grant as can be.

    Usage that happened before the grant starts counts as spent at its start; usage after its end is left alone.
    """
    while wallet.unfunded and _some(book, wallet, pool):
        pass


def _some(book: Book, wallet: Wallet, pool: Pool) -> bool:
    """Settle the oldest rows that are still there; True when there may be more that can be settled."""
    book.write()
    query = select(PENDING).where(PENDING.c.wallet_id == wallet.id)
    if pool.last_end is not None:
        query = query.where(PENDING.c.occurred_at < pool.last_end)
    if pool.seat is not None:
        query = query.where(PENDING.c.seat_user_id == pool.seat)
    oldest = query.order_by(PENDING.c.occurred_at, PENDING.c.signal_id, PENDING.c.part).limit(_AT_ONCE)
    rows = book.connection.execute(oldest).all()
    more = len(rows) == _AT_ONCE
    paid: list[dict[str, str]] = []
    for row in rows:
        moment = pool.moment(row.occurred_at)
        amount = min(row.remaining_micro, pool.available(moment))
        if amount == 0:
            more = False
            break
        usage = Usage(
            wallet.customer_id, wallet.currency_id, row.occurred_at, row.signal_id, row.part,
            row.order_id, row.product_id, row.event_name,
        )  # fmt: skip
        key = f"{row.signal_id}/{row.part}/{row.revision}/t{row.settlements}"
        book.move(key, "settle", "grant", "unfunded", amount, usage, pool.id)
        pool.spend(amount, moment)
        wallet.unfunded -= amount
        if amount == row.remaining_micro:
            paid.append({"of_signal": row.signal_id, "of_part": row.part})
        else:
            left = {"of_signal": row.signal_id, "of_part": row.part, "left": row.remaining_micro - amount}
            book.connection.execute(_LEAVE, left)
    if paid:
        book.connection.execute(_PAID, paid)
    book.touch(pool)
    book.touch_wallet(wallet)
    book.write()
    return more
