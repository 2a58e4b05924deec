"""Caps as debits fill them: who has to hear of it hears of it once in a period.

What is left of a cap is kept beside it and goes down with each debit, so that the ledger is summed up only when a cap
may be full. It is a lower bound: reversals give nothing back to it until then.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from billing.api.schemas.customer_units import ReachedCap, Window
from billing.customers.cap_policies import Period, in_force, period_at, used_in
from billing.customers.units import Tree
from billing.tables.customers import Customer, CustomerUnit, CustomerUnitCap, CustomerUnitCapProgress
from billing.units import from_micro
from billing.webhooks.emit import emit


class Spending(Protocol):
    """What of a debit matters here (`billing.ledger.debits.Debit` is one). customer_unit_id: the unit's external id."""

    @property
    def customer_id(self) -> str: ...  # noqa: D102
    @property
    def currency_id(self) -> str: ...  # noqa: D102
    @property
    def occurred_at(self) -> datetime: ...  # noqa: D102
    @property
    def customer_unit_id(self) -> str | None: ...  # noqa: D102
    @property
    def amount_micro(self) -> int: ...  # noqa: D102


class Reached(NamedTuple):
    """A cap that a debit has just filled, and what was spent in its period (micro-credits)."""

    customer: Customer
    unit: CustomerUnit
    cap: CustomerUnitCap
    period: Period
    used_micro: int


_CAPPED: Final = select(CustomerUnitCap.customer_id).where(
    CustomerUnitCap.customer_id.in_(bindparam("customers", expanding=True))
)


def caps_crossed(session: Session, debits: Sequence[Spending], now: datetime) -> list[Reached]:
    """The caps that are full after these debits (which are in the ledger already), each once in its period.

    Flushed, and told to whoever has a webhook for it.
    """
    session.flush()
    named = {each.customer_id for each in debits}
    capped = set(session.connection().scalars(_CAPPED, {"customers": sorted(named)}))
    reached = [
        found
        for customer_id in sorted(capped)
        for found in _crossed(session, customer_id, [each for each in debits if each.customer_id == customer_id])
    ]
    for each in reached:
        emit(session, "billing-credit-cap-reached", each.unit.id, _told(each, now), now)
    session.flush()
    return reached


def _crossed(session: Session, customer_id: str, debits: Sequence[Spending]) -> Iterator[Reached]:
    customer = session.get_one(Customer, customer_id, with_for_update=True, populate_existing=True)
    tree = Tree(session, customer_id)
    query = select(CustomerUnitCap).where(CustomerUnitCap.customer_id == customer_id)
    caps: dict[tuple[str, str], list[CustomerUnitCap]] = {}
    for cap in session.scalars(query.order_by(CustomerUnitCap.sequence.desc())):
        caps.setdefault((cap.unit_id, cap.currency_id), []).append(cap)
    burned: dict[tuple[str, Period], int] = {}
    filled: dict[str, tuple[CustomerUnitCap, CustomerUnit]] = {}
    for each in debits:
        for unit in _bearers(tree, each.customer_unit_id):
            held = in_force(caps.get((unit.id, each.currency_id), ()), each.occurred_at)
            if held is not None:
                key = (held.id, period_at(held.effective_from, each.occurred_at))
                burned[key] = burned.get(key, 0) + each.amount_micro
                filled[held.id] = (held, unit)
    for (cap_id, period), amount in sorted(burned.items()):
        cap, unit = filled[cap_id]
        used = _used_if_full(session, tree, unit, cap, period, amount)
        if used is not None:
            yield Reached(customer, unit, cap, period, used)


def _used_if_full(
    session: Session, tree: Tree, unit: CustomerUnit, cap: CustomerUnitCap, period: Period, amount: int
) -> int | None:
    """What was spent in a period whose cap `amount` more has just filled; None where it is not full, or known to be."""
    progress = session.get(CustomerUnitCapProgress, cap.id)
    if progress is None:
        progress = CustomerUnitCapProgress(cap_id=cap.id, period=period.start, left_micro=None, reached_period=None)
        session.add(progress)
    if progress.reached_period is not None and progress.reached_period >= period.start:
        return None
    if progress.period == period.start and progress.left_micro is not None and progress.left_micro > amount:
        progress.left_micro -= amount
        return None
    used = used_in(session, tree, unit, cap.currency_id, period)
    if progress.period <= period.start:
        progress.period, progress.left_micro = period.start, cap.amount_micro - used
    if used < cap.amount_micro:
        return None
    progress.reached_period = period.start
    return used


def _told(reached: Reached, now: datetime) -> dict[str, Any]:
    body = ReachedCap(
        external_customer_unit_id=reached.unit.external_id,
        customer_id=reached.customer.id,
        external_customer_id=reached.customer.external_id,
        credits_currency_id=reached.cap.currency_id,
        amount=from_micro(reached.cap.amount_micro),
        used=from_micro(reached.used_micro),
        window=Window(start=reached.period.start, end=reached.period.end),
        reached_at=now,
    )
    return body.model_dump(mode="json", by_alias=True, exclude_none=True)


def _bearers(tree: Tree, key: str | None) -> list[CustomerUnit]:
    """The units whose caps a debit fills: the one it names and all above; whatever it names, the root."""
    unit = None if key is None else tree.get(key)
    line = [] if unit is None else tree.line(unit)
    return line if tree.root is None or tree.root in line else [*line, tree.root]
