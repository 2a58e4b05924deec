"""The tree of a customer's units: what the key of one may be, who is below whom, and how the tree may change.

Debits in the ledger keep the key that their signal named (`customer_unit_id`) beside their customer, so a unit that is
made later has what was spent in its name before.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy import update as update_rows
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from billing.api.errors import conflict, not_found
from billing.api.schemas.customer_units import UnitCreate, UnitUpdate
from billing.customers.find import hold
from billing.customers.seat_billing import refuse_seat_billing
from billing.customers.unit_keys import is_unit_key
from billing.ids import new_id
from billing.tables.customers import Customer, CustomerUnit, CustomerUnitCap, CustomerUnitCapProgress

DEEPEST: Final = 10
"""Units from the root down to any other, both of them counted."""

ACTIVE: Final = "ACTIVE"
DELETED: Final = "DELETED"


class Tree:
    """A customer's units, deleted ones among them, as they stand."""

    def __init__(self, session: Session, customer_id: str) -> None:
        query = select(CustomerUnit).where(CustomerUnit.customer_id == customer_id)
        self.units = list(session.scalars(query.order_by(CustomerUnit.created_at, CustomerUnit.external_id)))
        self._by_id = {unit.id: unit for unit in self.units}
        self._by_key = {unit.external_id: unit for unit in self.units}

    @property
    def root(self) -> CustomerUnit | None:
        """The one active unit without a parent."""
        return next((unit for unit in self.units if unit.parent_id is None and unit.status == ACTIVE), None)

    def get(self, key: str) -> CustomerUnit | None:
        """The unit of an external id."""
        return self._by_key.get(key)

    def line(self, unit: CustomerUnit) -> list[CustomerUnit]:
        """The unit and all above it, upwards."""
        line = [unit]
        while line[-1].parent_id is not None:
            line.append(self._by_id[line[-1].parent_id])
        return line

    def below(self, unit: CustomerUnit) -> list[CustomerUnit]:
        """The unit and all below it."""
        children: dict[str | None, list[CustomerUnit]] = {}
        for each in self.units:
            children.setdefault(each.parent_id, []).append(each)
        found = [unit]
        for each in found:
            found += children.get(each.id, ())
        return found


def unit_of(session: Session, customer: Customer, key: str) -> CustomerUnit:
    """The customer's unit of an external id, deleted or not. Raises the API's 404."""
    unit = session.scalar(
        select(CustomerUnit).where(CustomerUnit.customer_id == customer.id, CustomerUnit.external_id == key)
    )
    if unit is None:
        raise not_found("customer unit", key)
    return unit


def create(session: Session, customer: Customer, body: UnitCreate, now: datetime) -> CustomerUnit:
    """A new unit, flushed. Raises the API's 409 where the tree has no place for it."""
    hold(session, customer)
    refuse_seat_billing(session, customer, now)
    tree = Tree(session, customer.id)
    if tree.get(body.external_id) is not None:
        raise conflict(f"externalId: {body.external_id!r} is taken", "CUSTOMER_UNIT_EXISTS")
    parent = _parent(tree, body.parent_external_id)
    if parent is None and tree.root is not None:
        raise conflict(f"parentExternalId: needed, the root is {tree.root.external_id!r} already", "ROOT_EXISTS")
    if parent is not None and len(tree.line(parent)) >= DEEPEST:
        raise conflict(f"the tree would be more than {DEEPEST} units deep", "TREE_TOO_DEEP")
    unit = new_unit(customer.id, body.external_id, body.name or body.external_id, now)
    unit.parent_id = None if parent is None else parent.id
    unit.external_type = body.external_type
    unit.details = body.metadata
    try:
        with session.begin_nested():
            session.add(unit)
            session.flush()
    except IntegrityError:  # another process made it at the same moment
        raise conflict(f"externalId: {body.external_id!r} is taken", "CUSTOMER_UNIT_EXISTS") from None
    _sum_up_anew(session, customer.id)
    return unit


def new_unit(customer_id: str, key: str, name: str, now: datetime) -> CustomerUnit:
    """A unit that has no parent and is in no session yet."""
    return CustomerUnit(
        id=new_id("cu"), customer_id=customer_id, external_id=key, name=name, external_type=None, parent_id=None,
        details=None, status=ACTIVE, created_at=now, updated_at=now,
    )  # fmt: skip


def add_root(session: Session, customer: Customer, now: datetime) -> None:
    """Give a new customer its root unit where its external id can be the key of one."""
    if customer.external_id is not None and is_unit_key(customer.external_id):
        session.add(new_unit(customer.id, customer.external_id, customer.name, now))
        session.flush()


def update(session: Session, customer: Customer, unit: CustomerUnit, body: UnitUpdate, now: datetime) -> None:
    """Change what the body gives, and flush. Raises the API's 409 for a move that cannot be."""
    hold(session, customer)
    session.refresh(unit)
    if unit.status == DELETED:
        raise conflict(f"{unit.external_id!r} is deleted", "CUSTOMER_UNIT_DELETED")
    given = body.model_fields_set
    if body.parent_external_id is not None:
        _move(Tree(session, customer.id), unit, body.parent_external_id)
        _sum_up_anew(session, customer.id)
    if body.name is not None:
        unit.name = body.name
    if "external_type" in given:
        unit.external_type = body.external_type
    if "metadata" in given:
        unit.details = body.metadata
    unit.updated_at = now
    session.flush()


def remove(session: Session, customer: Customer, unit: CustomerUnit, now: datetime) -> None:
    """Delete a unit softly, and flush. Raises the API's 409 while it has active ones below it, or a cap."""
    hold(session, customer)
    session.refresh(unit)
    if unit.status == DELETED:
        return
    child = next((each for each in Tree(session, customer.id).units if _is_child(each, unit)), None)
    if child is not None:
        raise conflict(f"{unit.external_id!r} has {child.external_id!r} below it", "CUSTOMER_UNIT_HAS_CHILDREN")
    cap = select(CustomerUnitCap).where(CustomerUnitCap.unit_id == unit.id)
    if any(each.effective_until is None or each.effective_until > now for each in session.scalars(cap)):
        raise conflict(f"{unit.external_id!r} has a cap", "CUSTOMER_UNIT_HAS_CAP")
    unit.status = DELETED
    unit.updated_at = now
    session.flush()


def _sum_up_anew(session: Session, customer_id: str) -> None:
    # What was spent before belongs elsewhere now, so what is left of a cap may be less than is thought.
    session.flush()
    caps = select(CustomerUnitCap.id).where(CustomerUnitCap.customer_id == customer_id)
    session.execute(
        update_rows(CustomerUnitCapProgress).where(CustomerUnitCapProgress.cap_id.in_(caps)).values(left_micro=None)
    )


def _is_child(each: CustomerUnit, unit: CustomerUnit) -> bool:
    return each.parent_id == unit.id and each.status == ACTIVE


def _parent(tree: Tree, key: str | None) -> CustomerUnit | None:
    if key is None:
        return None
    parent = tree.get(key)
    if parent is None or parent.status != ACTIVE:
        raise conflict(f"parentExternalId: no active unit {key!r}", "PARENT_NOT_FOUND")
    return parent


def _move(tree: Tree, unit: CustomerUnit, key: str) -> None:
    parent = _parent(tree, key)
    assert parent is not None
    if parent.id == unit.parent_id:
        return
    if unit.parent_id is None:
        raise conflict("the root cannot be moved", "ROOT_UNIT_IMMOVABLE")
    if unit in tree.line(parent):
        raise conflict(f"parentExternalId: {key!r} is {unit.external_id!r}, or below it", "CUSTOMER_UNIT_CYCLE")
    height = max(tree.line(each).index(unit) + 1 for each in tree.below(unit))
    if len(tree.line(parent)) + height > DEEPEST:
        raise conflict(f"the tree would be more than {DEEPEST} units deep", "TREE_TOO_DEEP")
    unit.parent_id = parent.id
