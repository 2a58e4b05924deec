"""Groups of customers and who is in them."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.api.errors import conflict, not_found
from billing.api.schemas.customer_groups import GroupUpdate
from billing.customers.find import find_customer
from billing.tables.customers import Customer, CustomerGroup, CustomerGroupMember


def group_by_id(session: Session, group_id: str) -> CustomerGroup:
    """The group of a display id. Raises the API's 404."""
    group = session.get(CustomerGroup, group_id)
    if group is None:
        raise not_found("customer group", group_id)
    return group


def check_name(session: Session, name: str) -> None:
    """Raises the API's 409 when a group has the name."""
    if session.scalar(select(CustomerGroup.id).where(CustomerGroup.name == name)):
        raise conflict(f"name: {name!r} is taken")


def update(session: Session, group: CustomerGroup, body: GroupUpdate, now: datetime) -> None:
    """Change what the body gives, and flush. Raises the API's 409 when the name is another group's."""
    if body.name is not None and body.name != group.name:
        check_name(session, body.name)
        group.name = body.name
    if "description" in body.model_fields_set:
        group.description = body.description
    group.updated_at = now
    session.flush()


def members(session: Session, group: CustomerGroup) -> list[Customer]:
    """Who is in the group, in the order in which they came."""
    query = (
        select(Customer)
        .join(CustomerGroupMember, CustomerGroupMember.customer_id == Customer.id)
        .where(CustomerGroupMember.group_id == group.id)
        .order_by(CustomerGroupMember.added_at, Customer.id)
    )
    return list(session.scalars(query))


def resolve(session: Session, names: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Display ids by the names that callers gave (the first of several for one customer), and names of nobody."""
    found: dict[str, str] = {}
    unknown: list[str] = []
    for name in dict.fromkeys(names):
        customer = find_customer(session, name)
        if customer is None:
            unknown.append(name)
        elif customer.id not in found.values():
            found[name] = customer.id
    return found, unknown


def add(session: Session, group: CustomerGroup, customer_ids: Iterable[str], now: datetime) -> None:
    """Put customers who are not in the group into it, and flush."""
    session.add_all(
        CustomerGroupMember(group_id=group.id, customer_id=customer_id, added_at=now) for customer_id in customer_ids
    )
    session.flush()


def take_out(session: Session, group: CustomerGroup, customer_ids: Iterable[str]) -> None:
    """Take customers who are in the group out of it, and flush."""
    for customer_id in customer_ids:
        session.delete(session.get_one(CustomerGroupMember, (group.id, customer_id)))
    session.flush()
