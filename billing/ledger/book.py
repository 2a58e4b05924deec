"""The wallets that a transaction works on: locked, their grants read, moves noted, and all written at once.

Whoever changes a wallet opens it here first. On SQLite there is one writer at a time anyway; on Postgres the wallets'
rows are locked in the order of their ids, so two transactions never hold what the other waits for.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Column, Connection, Row, Select, Table, bindparam, delete, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from billing.ledger.bulk import insert_rows
from billing.ledger.terms import OPEN, Pool
from billing.tables import ledger as tables

ENTRIES: Final[Table] = tables.LedgerEntry.__table__  # type: ignore[assignment]
GRANTS: Final[Table] = tables.CreditGrant.__table__  # type: ignore[assignment]
TOTALS: Final[Table] = tables.CreditGrantTotal.__table__  # type: ignore[assignment]
WALLETS: Final[Table] = tables.CreditWallet.__table__  # type: ignore[assignment]
PENDING: Final[Table] = tables.PendingConsumption.__table__  # type: ignore[assignment]
DEBITS: Final[Table] = tables.CreditDebit.__table__  # type: ignore[assignment]

MOST_NAMES: Final = 500
"""Ids that one query names at most."""

_TERMS: Final = (
    GRANTS.c.id, GRANTS.c.key, GRANTS.c.wallet_id, GRANTS.c.amount_micro, GRANTS.c.is_infinite, GRANTS.c.starts_at,
    GRANTS.c.main_end, GRANTS.c.last_end, GRANTS.c.rollover_micro, GRANTS.c.origin, GRANTS.c.priority,
    GRANTS.c.order_id, GRANTS.c.product_id, GRANTS.c.seat_user_id, GRANTS.c.overage_unit_price, GRANTS.c.created_at,
)  # fmt: skip
_SUMS: Final = (
    TOTALS.c.status, TOTALS.c.inside_micro, TOTALS.c.rollover_spent_micro, TOTALS.c.overage_micro, TOTALS.c.void_micro,
)  # fmt: skip
_POOL: Final = (*_TERMS, *_SUMS)

_MOST_KNOWN: Final = 100_000
_known_terms: dict[str, tuple[Any, ...]] = {}
"""Terms of grants that were read before. They never change, and ids are never used again, so what is here is right."""

_SET_TOTALS: Final = (
    update(TOTALS)
    .where(TOTALS.c.grant_id == bindparam("of"))
    .values(
        status=bindparam("status"),
        inside_micro=bindparam("inside"),
        rollover_spent_micro=bindparam("rolled"),
        overage_micro=bindparam("overage"),
        void_micro=bindparam("void"),
    )
)
_SET_WALLET: Final = (
    update(WALLETS)
    .where(WALLETS.c.id == bindparam("of"))
    .values(unfunded_micro=bindparam("unfunded"), is_depleted=bindparam("depleted"))
)


class Usage(NamedTuple):
    """Whom and what an entry is about, apart from accounts and amount."""

    customer_id: str
    currency_id: str
    occurred_at: datetime
    signal_id: str | None = None
    part: str | None = None
    order_id: str | None = None
    product_id: str | None = None
    event_name: str | None = None


class Entry(NamedTuple):
    """An entry as it is written; the last columns are those of `Usage`."""

    key: str
    kind: str
    debit_account: str
    credit_account: str
    amount_micro: int
    grant_id: str | None
    recorded_at: datetime
    customer_id: str
    currency_id: str
    occurred_at: datetime
    signal_id: str | None
    part: str | None
    order_id: str | None
    product_id: str | None
    event_name: str | None


class Wallet:
    """A customer's credits of a currency within a transaction; `pools` in the order in which they are spent."""

    __slots__ = ("currency_id", "customer_id", "id", "is_depleted", "pools", "unfunded")

    def __init__(self, row: Row[Any]) -> None:
        self.id: str = row.id
        self.customer_id: str = row.customer_id
        self.currency_id: str = row.currency_id
        self.unfunded: int = row.unfunded_micro
        self.is_depleted: bool = row.is_depleted
        self.pools: list[Pool] = []

    def available(self, moment: datetime) -> int:
        """What all its grants have at the moment, those of seats too."""
        return sum(pool.available(moment) for pool in self.pools)


def wallet_id(customer_id: str, currency_id: str) -> str:
    """The id of the wallet of a customer and a currency."""
    return f"{customer_id}/{currency_id}"


def pools(*more: Column[Any]) -> Select[Any]:
    """Grants with their totals, as `pool_of` reads them; then `more`."""
    return select(*_POOL, *more).join_from(GRANTS, TOTALS, TOTALS.c.grant_id == GRANTS.c.id)


def pool_of(row: Sequence[Any]) -> Pool:
    """A grant as a row of `pools` has it."""
    terms = list(row[: len(_POOL)])
    terms[8] = terms[8] or 0
    if len(_known_terms) >= _MOST_KNOWN:
        _known_terms.clear()
    _known_terms[terms[0]] = tuple(terms[: len(_TERMS)])
    return Pool(*terms)


def insert_missing(connection: Connection, table: Table) -> Any:
    """An INSERT that leaves rows alone whose key is there already."""
    kind = sqlite_insert if connection.dialect.name == "sqlite" else postgres_insert
    return kind(table).on_conflict_do_nothing()


_LOCK: Final = (
    select(WALLETS).where(WALLETS.c.id.in_(bindparam("names", expanding=True))).order_by(WALLETS.c.id).with_for_update()
)
_NAMED: Final = pools().where(GRANTS.c.id.in_(bindparam("names", expanding=True)))
_USABLE: Final = (
    select(GRANTS.c.id, *_SUMS)
    .join_from(GRANTS, TOTALS, TOTALS.c.grant_id == GRANTS.c.id)
    .where(
        GRANTS.c.wallet_id.in_(bindparam("names", expanding=True)),
        TOTALS.c.status == OPEN,
        or_(
            GRANTS.c.is_infinite,
            GRANTS.c.overage_unit_price.is_not(None),
            GRANTS.c.amount_micro > TOTALS.c.inside_micro + TOTALS.c.rollover_spent_micro,
        ),
        GRANTS.c.starts_at <= bindparam("until"),
        or_(GRANTS.c.last_end.is_(None), GRANTS.c.last_end > bindparam("since")),
    )
)


class Book:
    """Some wallets in one transaction. Nothing is in the database before `write`."""

    def __init__(self, session: Session, wallets: Iterable[tuple[str, str]], now: datetime) -> None:
        """Locks the wallets of these customers and currencies; makes those that are not there."""
        session.flush()
        self.connection = session.connection()
        self.now = now
        self.wallets: dict[str, Wallet] = {}
        self.pools: dict[str, Pool] = {}
        self._entries: list[tuple[Any, ...]] = []  # in the order of `Entry`
        self._pending: list[dict[str, Any]] = []
        self._totals: dict[str, Pool] = {}
        self._changed: dict[str, Wallet] = {}
        wanted = {wallet_id(*pair): pair for pair in wallets}
        self._lock(sorted(wanted))
        missing = sorted(wanted.keys() - self.wallets.keys())
        if missing:
            rows = [
                {"id": name, "customer_id": wanted[name][0], "currency_id": wanted[name][1], "unfunded_micro": 0,
                 "is_depleted": True}
                for name in missing
            ]  # fmt: skip
            self.connection.execute(insert_missing(self.connection, WALLETS), rows)
            self._lock(missing)

    def load(self, since: datetime, until: datetime) -> None:
        """Read the grants that may be spent at a moment between the two, or that price overage then."""
        for names in chunks(list(self.wallets)):
            unknown = []
            for row in self.connection.execute(_USABLE, {"names": names, "since": since, "until": until}).all():
                terms = _known_terms.get(row[0])
                if terms is None:
                    unknown.append(row[0])
                else:
                    self._take(Pool(*(*terms, *row[1:])))
            for some in chunks(unknown):
                self._add(_NAMED, {"names": some})
        self._sort()

    def load_grants(self, ids: Iterable[str]) -> None:
        """Read these grants too, whatever their state."""
        for names in chunks(sorted(set(ids) - self.pools.keys())):
            self._add(_NAMED, {"names": names})
        self._sort()

    def add(self, pool: Pool) -> None:
        """A grant that this transaction makes."""
        self.pools[pool.id] = pool
        self.wallets[pool.wallet_id].pools.append(pool)
        self._sort()

    def move(
        self, key: str, kind: str, debit: str, credit: str, amount: int, usage: Usage, grant_id: str | None = None
    ) -> None:
        """Note an entry."""
        self._entries.append((key, kind, debit, credit, amount, grant_id, self.now, *usage))

    def touch(self, pool: Pool) -> None:
        """The totals of a grant have changed."""
        self._totals[pool.id] = pool

    def touch_wallet(self, wallet: Wallet) -> None:
        """A wallet has changed."""
        self._changed[wallet.id] = wallet

    def note_pending(self, row: dict[str, Any]) -> None:
        """Consumption that no credits were found for."""
        self._pending.append(row)

    def drop_pending(self, signal_id: str, part: str) -> None:
        """There is no pending consumption of this signal any more."""
        self.write()
        self.connection.execute(delete(PENDING).where(PENDING.c.signal_id == signal_id, PENDING.c.part == part))

    def write(self) -> None:
        """Put everything noted so far into the database."""
        run = self.connection.execute
        if self._entries:
            insert_rows(self.connection, ENTRIES, Entry._fields, self._entries)
            self._entries = []
        if self._pending:
            run(insert(PENDING), self._pending)
            self._pending = []
        if self._totals:
            run(_SET_TOTALS, [
                {"of": pool.id, "status": pool.status, "inside": pool.inside, "rolled": pool.rolled,
                 "overage": pool.overage, "void": pool.void}
                for pool in self._totals.values()
            ])  # fmt: skip
            self._totals = {}
        if self._changed:
            run(_SET_WALLET, [
                {"of": wallet.id, "unfunded": wallet.unfunded, "depleted": wallet.is_depleted}
                for wallet in self._changed.values()
            ])  # fmt: skip
            self._changed = {}

    def _lock(self, ids: Sequence[str]) -> None:
        for names in chunks(ids):
            for row in self.connection.execute(_LOCK, {"names": names}):
                self.wallets[row.id] = Wallet(row)

    def _add(self, query: Select[Any], given: dict[str, Any]) -> None:
        for row in self.connection.execute(query, given):
            self._take(pool_of(row))

    def _take(self, pool: Pool) -> None:
        if pool.id not in self.pools:
            self.pools[pool.id] = pool
            self.wallets[pool.wallet_id].pools.append(pool)

    def _sort(self) -> None:
        for wallet in self.wallets.values():
            if len(wallet.pools) > 1:
                wallet.pools.sort(key=lambda pool: pool.order)


def chunks(names: Sequence[str]) -> Iterable[Sequence[str]]:
    """The names in parts that one query takes."""
    for start in range(0, len(names), MOST_NAMES):
        yield names[start : start + MOST_NAMES]
