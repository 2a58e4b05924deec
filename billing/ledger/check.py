"""The sums that are kept beside the ledger, compared with its entries, and made anew from them.

Entries and grants are the truth. What is kept beside them is so that a balance read costs the same whether a wallet
has ten entries or a million.
"""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Connection,
    Select,
    String,
    and_,
    case,
    cast,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)  # fmt: skip
from sqlalchemy.orm import Session

from billing.ledger.book import DEBITS, ENTRIES, GRANTS, PENDING, TOTALS, WALLETS
from billing.ledger.terms import OPEN, VOID
from billing.ledger.terms import PENDING as WAITS

_MOST_SHOWN: Final = 20
_SUMS: Final = ("grant_id", "status", "inside_micro", "rollover_spent_micro", "overage_micro", "void_micro")


def check_ledger(session: Session) -> list[str]:
    """What is wrong with the ledger, a line each; empty when all is well. At most 20 lines of each kind.

    Every sum equals its entries, every signal's entries come to what it burns, no grant is spent beyond its terms.
    """
    session.flush()
    connection = session.connection()
    return [
        *_totals(connection),
        *_overspent(connection),
        *_debits(connection),
        *_waiting(connection),
        *_wallets(connection),
    ]


def rebuild(session: Session) -> None:
    """Make the kept sums anew from the entries. Never commits; to be run while nothing else writes.

    What a signal burns at present, and whether a wallet's depletion was told, are no sums and stay as they are.
    """
    session.flush()
    connection = session.connection()
    connection.execute(delete(TOTALS))
    connection.execute(insert(TOTALS).from_select(_SUMS, grant_sums()))
    connection.execute(delete(PENDING))
    waiting = pending_sums()
    connection.execute(insert(PENDING).from_select(list(waiting.selected_columns.keys()), waiting))
    unfunded = select(func.coalesce(func.sum(PENDING.c.remaining_micro), 0)).where(PENDING.c.wallet_id == WALLETS.c.id)
    connection.execute(update(WALLETS).values(unfunded_micro=unfunded.scalar_subquery()))


def grant_sums() -> Select[Any]:
    """Per grant what `credit_grant_totals` keeps, from the entries."""
    source, target, amount = ENTRIES.c.debit_account, ENTRIES.c.credit_account, ENTRIES.c.amount_micro
    spends = and_(source == "grant", target.in_(("spent", "unfunded")))
    returns = and_(target == "grant", source.in_(("spent", "unfunded")))
    moment = case((ENTRIES.c.occurred_at < GRANTS.c.starts_at, GRANTS.c.starts_at), else_=ENTRIES.c.occurred_at)
    is_inside = or_(GRANTS.c.main_end.is_(None), moment < GRANTS.c.main_end)
    spent = case((spends, amount), (returns, -amount), else_=0)
    status = case(
        (func.max(case((ENTRIES.c.kind == "void", 1), else_=0)) == 1, VOID),
        (func.max(case((ENTRIES.c.kind.in_(("grant", "release")), 1), else_=0)) == 1, OPEN),
        else_=WAITS,
    )
    return (
        select(
            GRANTS.c.id.label("grant_id"),
            status.label("status"),
            _whole(case((is_inside, spent), else_=0)).label("inside_micro"),
            _whole(case((is_inside, 0), else_=spent)).label("rollover_spent_micro"),
            _whole(case((source == "overage", amount), (target == "overage", -amount), else_=0)).label("overage_micro"),
            _whole(case((target == VOID, amount), else_=0)).label("void_micro"),
        )
        .join_from(GRANTS, ENTRIES, ENTRIES.c.grant_id == GRANTS.c.id)
        .group_by(GRANTS.c.id)
    )


def pending_sums() -> Select[Any]:
    """Per signal with consumption that nothing has paid for what `pending_consumption` keeps, from the entries."""
    source, target, amount = ENTRIES.c.debit_account, ENTRIES.c.credit_account, ENTRIES.c.amount_micro
    remaining = _whole(case((source == "unfunded", amount), (target == "unfunded", -amount), else_=0))
    of_revision = ENTRIES.c.key.like(
        _escaped(DEBITS.c.signal_id) + "/" + _escaped(DEBITS.c.part) + "/" + cast(DEBITS.c.revision, String) + "/%",
        escape="\\",
    )
    first = func.min(case((ENTRIES.c.kind == "unfunded", ENTRIES.c.recorded_at)))
    return (
        select(
            DEBITS.c.signal_id,
            DEBITS.c.part,
            DEBITS.c.revision,
            (DEBITS.c.customer_id + "/" + DEBITS.c.currency_id).label("wallet_id"),
            remaining.label("remaining_micro"),
            _whole(case((ENTRIES.c.kind == "settle", 1), else_=0)).label("settlements"),
            DEBITS.c.seat_user_id,
            DEBITS.c.order_id,
            DEBITS.c.product_id,
            DEBITS.c.event_name,
            DEBITS.c.occurred_at,
            first.label("recorded_at"),
        )
        .join_from(DEBITS, ENTRIES, and_(ENTRIES.c.signal_id == DEBITS.c.signal_id, ENTRIES.c.part == DEBITS.c.part))
        .where(of_revision)
        .group_by(DEBITS.c.signal_id, DEBITS.c.part)
        .having(remaining > 0)
    )


def _whole(value: Any) -> Any:
    """A sum of integers that stays one on Postgres."""
    return cast(func.coalesce(func.sum(value), 0), BigInteger)


def _escaped(text: Any) -> Any:
    """Text of which LIKE takes every character as it is."""
    for special in ("\\", "%", "_"):
        text = func.replace(text, literal(special), literal("\\" + special))
    return text


def _totals(connection: Connection) -> Iterator[str]:
    truth = grant_sums().subquery()
    names = _SUMS[1:]
    differs = or_(truth.c.grant_id.is_(None), *(truth.c[name] != TOTALS.c[name] for name in names))
    query = select(TOTALS, *(truth.c[name].label(f"true_{name}") for name in names)).outerjoin_from(
        TOTALS, truth, truth.c.grant_id == TOTALS.c.grant_id
    )
    for row in connection.execute(query.where(differs).limit(_MOST_SHOWN)).mappings():
        wrong = [name for name in names if row[name] != row[f"true_{name}"]]
        said = ", ".join(f"{name} is {row[name]}, its entries say {row[f'true_{name}']}" for name in wrong)
        yield f"grant {row['grant_id']}: {said}"
    missing = select(GRANTS.c.id).where(GRANTS.c.id.not_in(select(TOTALS.c.grant_id))).limit(_MOST_SHOWN)
    for name in connection.execute(missing).scalars():
        yield f"grant {name}: has no totals"


def _overspent(connection: Connection) -> Iterator[str]:
    truth = grant_sums().subquery()
    spent = truth.c.inside_micro + truth.c.rollover_spent_micro
    beyond = or_(
        and_(GRANTS.c.is_infinite.is_(False), spent + truth.c.void_micro > GRANTS.c.amount_micro),
        and_(GRANTS.c.is_infinite.is_(False), truth.c.rollover_spent_micro > func.coalesce(GRANTS.c.rollover_micro, 0)),
        truth.c.inside_micro < 0,
        truth.c.rollover_spent_micro < 0,
        truth.c.overage_micro < 0,
    )
    query = select(GRANTS.c.id, GRANTS.c.amount_micro, spent.label("spent"), truth.c.void_micro).join_from(
        GRANTS, truth, truth.c.grant_id == GRANTS.c.id
    )
    for row in connection.execute(query.where(beyond).limit(_MOST_SHOWN)):
        yield f"grant {row.id}: {row.spent} spent and {row.void_micro} void of {row.amount_micro} is beyond its terms"


def _debits(connection: Connection) -> Iterator[str]:
    source, target, amount = ENTRIES.c.debit_account, ENTRIES.c.credit_account, ENTRIES.c.amount_micro
    moved = (
        select(
            ENTRIES.c.signal_id,
            ENTRIES.c.part,
            _whole(case((target == "spent", amount), (source == "spent", -amount), else_=0)).label("moved"),
        )
        .where(ENTRIES.c.signal_id.is_not(None))
        .group_by(ENTRIES.c.signal_id, ENTRIES.c.part)
        .subquery()
    )
    same = and_(moved.c.signal_id == DEBITS.c.signal_id, moved.c.part == DEBITS.c.part)
    found = func.coalesce(moved.c.moved, 0)
    query = select(DEBITS.c.signal_id, DEBITS.c.amount_micro, found.label("moved")).outerjoin_from(DEBITS, moved, same)
    for row in connection.execute(query.where(found != DEBITS.c.amount_micro).limit(_MOST_SHOWN)):
        yield f"signal {row.signal_id}: burns {row.amount_micro}, its entries come to {row.moved}"
    unknown = select(moved.c.signal_id).outerjoin_from(moved, DEBITS, same).where(DEBITS.c.signal_id.is_(None))
    for name in connection.execute(unknown.limit(_MOST_SHOWN)).scalars():
        yield f"signal {name}: has entries and no debit"


def _waiting(connection: Connection) -> Iterator[str]:
    truth = pending_sums().subquery()
    same = and_(truth.c.signal_id == PENDING.c.signal_id, truth.c.part == PENDING.c.part)
    kept = func.coalesce(PENDING.c.remaining_micro, 0)
    for query in (
        select(truth.c.signal_id, truth.c.remaining_micro.label("true"), kept.label("kept"))
        .outerjoin_from(truth, PENDING, same)
        .where(kept != truth.c.remaining_micro),
        select(PENDING.c.signal_id, literal(0).label("true"), PENDING.c.remaining_micro.label("kept"))
        .outerjoin_from(PENDING, truth, same)
        .where(truth.c.signal_id.is_(None)),
    ):
        for row in connection.execute(query.limit(_MOST_SHOWN)):
            yield f"signal {row.signal_id}: {row.kept} pending, its entries say {row.true}"


def _wallets(connection: Connection) -> Iterator[str]:
    source, target, amount = ENTRIES.c.debit_account, ENTRIES.c.credit_account, ENTRIES.c.amount_micro
    truth = (
        select(
            (ENTRIES.c.customer_id + "/" + ENTRIES.c.currency_id).label("id"),
            _whole(case((source == "unfunded", amount), (target == "unfunded", -amount), else_=0)).label("unfunded"),
        )
        .group_by(ENTRIES.c.customer_id, ENTRIES.c.currency_id)
        .subquery()
    )
    found = func.coalesce(truth.c.unfunded, 0)
    query = select(WALLETS.c.id, WALLETS.c.unfunded_micro, found.label("found")).outerjoin_from(
        WALLETS, truth, truth.c.id == WALLETS.c.id
    )
    for row in connection.execute(query.where(found != WALLETS.c.unfunded_micro).limit(_MOST_SHOWN)):
        yield f"wallet {row.id}: {row.unfunded_micro} unfunded, its entries say {row.found}"
