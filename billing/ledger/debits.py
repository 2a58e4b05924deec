"""Burn credits for signals: in bulk, each signal exactly once, whoever sends it and however often."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.orm import Session

from billing.ledger.book import DEBITS, ENTRIES, Book, Entry, Usage, Wallet, chunks, insert_missing, wallet_id
from billing.ledger.bulk import insert_rows
from billing.ledger.news import tell
from billing.ledger.outcome import LARGEST_DEBIT, Debit, DebitOutcome, Depleted, Overage
from billing.ledger.settling import settle
from billing.ledger.terms import OPEN, VOID, Pool

__all__ = ["LARGEST_DEBIT", "Debit", "DebitOutcome", "debit"]

_CONTENT: Final = (
    "customer_id", "currency_id", "amount_micro", "occurred_at", "event_name", "product_id", "order_id",
    "seat_user_id", "customer_unit_id",
)  # fmt: skip

_COLUMNS: Final = ("signal_id", "part", "revision", *_CONTENT)

_REVISE: Final = (
    update(DEBITS)
    .where(DEBITS.c.signal_id == bindparam("of_signal"), DEBITS.c.part == bindparam("of_part"))
    .values({"revision": bindparam("to_revision")} | {name: bindparam(f"to_{name}") for name in _CONTENT})
)

_Key = tuple[str, str]


@dataclass(slots=True)
class _Known:
    """A signal's debit as it stands."""

    revision: int
    content: tuple[Any, ...]


def debit(session: Session, debits: Sequence[Debit], now: datetime) -> DebitOutcome:
    """Burn the credits of these debits, one after the other as given. Never commits.

    A signal whose debit is known with equal content is skipped; with other content what was moved for it is reversed,
    and the new content takes its place. Each debit draws on the grants that are valid at its own time, in this order:
    those of its seat before the organization's, priority, soonest end, promotional before purchased, earliest start,
    oldest. What they lack is overage when one of them prices it, else pending consumption.
    """
    outcome = DebitOutcome()
    session.flush()
    known, fresh = _claim(session, debits)
    news, todo = fresh, debits
    if known:
        news = fresh | {(each.signal_id, each.part) for each in debits if _differs(each, known)}
        todo = [each for each in debits if (each.signal_id, each.part) in news]
    outcome.duplicates = len(debits) - len(todo)
    if not todo:
        return outcome
    before = {key: known[key] for key in news if key in known} if known else {}
    wallets = {(each.customer_id, each.currency_id) for each in todo}
    book = Book(session, wallets | {(old.content[0], old.content[1]) for old in before.values()}, now)
    moments = [each.occurred_at for each in todo]
    book.load(min(*moments, now), max(*moments, now))
    for wallet in book.wallets.values():
        if wallet.is_depleted and wallet.available(now) > 0:  # credits that have begun since it was last looked at
            wallet.is_depleted = False
            book.touch_wallet(wallet)
    revised: dict[_Key, Debit] = {}
    for each in todo:
        key = (each.signal_id, each.part)
        old = known.get(key)
        if old is None:
            known[key] = _Known(0, each.content)
            outcome.applied += 1
        elif old.content == each.content:
            outcome.duplicates += 1
            continue
        else:
            _reverse(book, key, old)
            known[key] = _Known(old.revision + 1, each.content)
            revised[key] = each
            outcome.changed += 1
        _burn(book, each, known[key].revision, outcome)
        outcome.done.append(each)
    _revise(book, revised, known)
    _note_depletion(book, outcome)
    book.write()
    tell(session, outcome, now)
    return outcome


def _differs(each: Debit, known: Mapping[_Key, _Known]) -> bool:
    old = known.get((each.signal_id, each.part))
    return old is None or old.content != each.content


def _claim(session: Session, debits: Sequence[Debit]) -> tuple[dict[_Key, _Known], set[_Key]]:
    """What is known of these signals, and which of them are ours to debit first; nobody else can until we commit.

    Of several debits of one signal that nobody knows, the first is the one that is put down.
    """
    firsts: dict[_Key, Debit] = {}
    for each in debits:
        firsts.setdefault((each.signal_id, each.part), each)
    keys = sorted(firsts)  # in one order everywhere, so that no two transactions wait for each other
    connection = session.connection()
    rows = [(*key, 0, *firsts[key].content) for key in keys]
    attempt = connection.begin_nested()
    if insert_rows(connection, DEBITS, _COLUMNS, rows, skip=True) == len(rows):
        attempt.commit()
        return {}, set(keys)  # as nearly always: none was known
    attempt.rollback()
    known = _read(session, keys)
    fresh = [dict(zip(_COLUMNS, row, strict=True)) for key, row in zip(keys, rows, strict=True) if key not in known]
    if not fresh:
        return known, set()
    claim = insert_missing(connection, DEBITS).returning(DEBITS.c.signal_id, DEBITS.c.part)
    ours = {(row.signal_id, row.part) for row in connection.execute(claim, fresh)}
    theirs = [key for key in keys if key not in ours and key not in known]
    return known | _read(session, theirs), ours


def _read(session: Session, keys: Sequence[_Key]) -> dict[_Key, _Known]:
    """What is known of these signals, held until we commit."""
    wanted = set(keys)
    known: dict[_Key, _Known] = {}
    for names in chunks(sorted({key[0] for key in keys})):
        query = select(DEBITS).where(DEBITS.c.signal_id.in_(names)).order_by(DEBITS.c.signal_id, DEBITS.c.part)
        for row in session.connection().execute(query.with_for_update()):
            if (row.signal_id, row.part) in wanted:
                content = tuple(getattr(row, name) for name in _CONTENT)
                known[row.signal_id, row.part] = _Known(row.revision, content)
    return known


def _burn(book: Book, each: Debit, revision: int, outcome: DebitOutcome) -> None:
    """Note the entries of one debit."""
    wallet = book.wallets[wallet_id(each.customer_id, each.currency_id)]
    usage = Usage(
        each.customer_id, each.currency_id, each.occurred_at, each.signal_id, each.part, each.order_id,
        each.product_id, each.event_name,
    )  # fmt: skip
    stem = f"{each.signal_id}/{each.part}/{revision}"
    left = each.amount_micro
    for pool in wallet.pools:
        if not left:
            return
        amount = min(left, pool.available(each.occurred_at)) if pool.serves(each.seat_user_id) else 0
        if amount > 0:
            book.move(f"{stem}/{pool.id}", "spend", "grant", "spent", amount, usage, pool.id)
            pool.spend(amount, each.occurred_at)
            book.touch(pool)
            outcome.spent += amount
            left -= amount
    if not left:
        return
    priced = _prices_overage(wallet, each)
    if priced is not None and priced.overage_price is not None:
        book.move(f"{stem}/overage", "overage", "overage", "spent", left, usage, priced.id)
        if priced.overage == 0:
            outcome.overages.append(
                Overage(each.customer_id, each.currency_id, priced.id, priced.order_id, priced.product_id, left,
                        priced.overage_price)
            )  # fmt: skip
        priced.overage += left
        book.touch(priced)
        outcome.overage += left
        return
    book.move(f"{stem}/unfunded", "unfunded", "unfunded", "spent", left, usage)
    book.note_pending({
        "signal_id": each.signal_id, "part": each.part, "revision": revision, "wallet_id": wallet.id,
        "remaining_micro": left, "settlements": 0, "seat_user_id": each.seat_user_id, "order_id": each.order_id,
        "product_id": each.product_id, "event_name": each.event_name, "occurred_at": each.occurred_at,
        "recorded_at": book.now,
    })  # fmt: skip
    wallet.unfunded += left
    book.touch_wallet(wallet)
    outcome.unfunded += left


def _prices_overage(wallet: Wallet, each: Debit) -> Pool | None:
    """The grant that says what usage beyond the credits costs: the first of those valid then that has a price."""
    for pool in wallet.pools:
        if (
            pool.overage_price is not None
            and pool.status == OPEN
            and pool.serves(each.seat_user_id)
            and pool.is_valid(each.occurred_at)
        ):
            return pool
    return None


def _standing(book: Book, key: _Key, revision: int) -> list[Entry]:
    """The entries that a debit as it stands has made, those that settled its pending consumption too."""
    book.write()
    stem = f"{key[0]}/{key[1]}/{revision}/"
    query = select(*(ENTRIES.c[name] for name in Entry._fields)).where(
        ENTRIES.c.key > stem, ENTRIES.c.key < stem[:-1] + "0", ENTRIES.c.signal_id == key[0], ENTRIES.c.part == key[1]
    )  # fmt: skip
    rows: Sequence[Row[Any]] = book.connection.execute(query.order_by(ENTRIES.c.id)).all()
    return [Entry._make(row) for row in rows]


def _reverse(book: Book, key: _Key, old: _Known) -> None:
    """Move back what a debit has moved; credits that come free pay for what was waiting."""
    wallet = book.wallets[wallet_id(old.content[0], old.content[1])]
    entries = _standing(book, key, old.revision)
    book.load_grants(entry.grant_id for entry in entries if entry.grant_id)
    freed: dict[str, Pool] = {}
    waiting = 0
    for number, entry in enumerate(entries):
        amount, source, target = entry.amount_micro, entry.debit_account, entry.credit_account
        pool = book.pools[entry.grant_id] if entry.grant_id else None
        if pool is not None and source == "grant":
            pool.spend(-amount, pool.moment(entry.occurred_at))
            freed[pool.id] = pool
            book.touch(pool)
        elif pool is not None:
            pool.overage -= amount
            book.touch(pool)
        waiting += amount * ((source == "unfunded") - (target == "unfunded"))
        usage = Usage(*(getattr(entry, name) for name in Usage._fields))
        back = f"{key[0]}/{key[1]}/{old.revision}/r{number}"
        book.move(back, "reversal", target, source, amount, usage, entry.grant_id)
        if pool is not None and source == "grant" and pool.status == VOID:
            book.move(f"{back}v", "void", "grant", "void", amount, usage, pool.id)
    if waiting:
        book.drop_pending(*key)
        wallet.unfunded -= waiting
        book.touch_wallet(wallet)
    for pool in wallet.pools:
        if pool.id in freed:
            settle(book, wallet, pool)


def _revise(book: Book, revised: Mapping[_Key, Debit], known: Mapping[_Key, _Known]) -> None:
    if revised:
        rows = [
            {"of_signal": key[0], "of_part": key[1], "to_revision": known[key].revision}
            | {f"to_{name}": value for name, value in zip(_CONTENT, each.content, strict=True)}
            for key, each in revised.items()
        ]
        book.connection.execute(_REVISE, rows)


def _note_depletion(book: Book, outcome: DebitOutcome) -> None:
    """Say once that a wallet has nothing left; again only after it had something."""
    for _, wallet in sorted(book.wallets.items()):
        is_depleted = wallet.available(book.now) <= 0
        if is_depleted != wallet.is_depleted:
            wallet.is_depleted = is_depleted
            book.touch_wallet(wallet)
            if is_depleted:
                outcome.depleted.append(Depleted(wallet.customer_id, wallet.currency_id))
