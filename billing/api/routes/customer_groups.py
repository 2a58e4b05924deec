"""`/customer-groups`: customers that are treated alike."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from billing.api.paging import Listed, Paged, listed
from billing.api.requests import Shared, router
from billing.api.schemas.customer_groups import (
    GroupCreate,
    GroupDeleted,
    GroupDetail,
    GroupMember,
    GroupSummary,
    GroupUpdate,
    Members,
    MembersAdded,
    MembersRemoved,
    MembersSet,
)
from billing.customers import groups
from billing.ids import new_id
from billing.tables import customers as tables

routes = router("customer groups")


@routes.get("/customer-groups", response_model_exclude_none=True)
def list_customer_groups(billing: Shared, part: Paged) -> Listed[GroupSummary]:
    """Groups, the newest first."""
    query = select(tables.CustomerGroup).order_by(tables.CustomerGroup.created_at.desc(), tables.CustomerGroup.id)
    with billing.database.read() as session:
        return listed(session, query, part, lambda row: _summary(session, row))


@routes.post("/customer-groups", response_model_exclude_none=True)
def create_customer_group(billing: Shared, body: GroupCreate) -> GroupDetail:
    """A new group; 409 when the name is taken."""
    now = billing.clock()

    def work(session: Session) -> GroupDetail:
        groups.check_name(session, body.name)
        row = tables.CustomerGroup(
            id=new_id("cg"), name=body.name, description=body.description, created_at=now, updated_at=now
        )
        session.add(row)
        session.flush()
        return _detail(session, row)

    return billing.database.write(work)


@routes.get("/customer-groups/{group_id}", response_model_exclude_none=True)
def get_customer_group(billing: Shared, group_id: str) -> GroupDetail:
    """A group and who is in it."""
    with billing.database.read() as session:
        return _detail(session, groups.group_by_id(session, group_id))


@routes.patch("/customer-groups/{group_id}", response_model_exclude_none=True)
def update_customer_group(billing: Shared, group_id: str, body: GroupUpdate) -> GroupDetail:
    """Rename or describe a group; 409 when the name is taken."""
    now = billing.clock()

    def work(session: Session) -> GroupDetail:
        group = groups.group_by_id(session, group_id)
        groups.update(session, group, body, now)
        return _detail(session, group)

    return billing.database.write(work)


@routes.delete("/customer-groups/{group_id}", response_model_exclude_none=True)
def delete_customer_group(billing: Shared, group_id: str) -> GroupDeleted:
    """Delete a group; its customers stay."""

    def work(session: Session) -> GroupDeleted:
        group = groups.group_by_id(session, group_id)
        ids = [customer.id for customer in groups.members(session, group)]
        groups.take_out(session, group, ids)
        session.delete(group)
        return GroupDeleted(deleted_group_id=group_id, unbound_customer_count=len(ids))

    return billing.database.write(work)


@routes.post("/customer-groups/{group_id}/members", response_model_exclude_none=True)
def create_customer_group_members(billing: Shared, group_id: str, body: Members) -> MembersAdded:
    """Put customers into a group; who is in it stays."""
    now = billing.clock()

    def work(session: Session) -> MembersAdded:
        group = groups.group_by_id(session, group_id)
        found, skipped = groups.resolve(session, body.customer_ids)
        inside = {customer.id for customer in groups.members(session, group)}
        new = [customer_id for customer_id in found.values() if customer_id not in inside]
        groups.add(session, group, new, now)
        skipped += [name for name, customer_id in found.items() if customer_id in inside]
        return MembersAdded(added=len(new), skipped=len(skipped), skipped_ids=skipped)

    return billing.database.write(work)


@routes.put("/customer-groups/{group_id}/members", response_model_exclude_none=True)
def update_customer_group_members(billing: Shared, group_id: str, body: Members) -> MembersSet:
    """Let a group have these members and no others."""
    now = billing.clock()

    def work(session: Session) -> MembersSet:
        group = groups.group_by_id(session, group_id)
        found, skipped = groups.resolve(session, body.customer_ids)
        inside = {customer.id for customer in groups.members(session, group)}
        wanted = set(found.values())
        groups.take_out(session, group, sorted(inside - wanted))
        groups.add(session, group, [each for each in found.values() if each not in inside], now)
        return MembersSet(
            added=len(wanted - inside), removed=len(inside - wanted), skipped=len(skipped), skipped_ids=skipped
        )

    return billing.database.write(work)


@routes.delete("/customer-groups/{group_id}/members", response_model_exclude_none=True)
def delete_customer_group_members(billing: Shared, group_id: str, body: Members) -> MembersRemoved:
    """Take customers out of a group."""

    def work(session: Session) -> MembersRemoved:
        group = groups.group_by_id(session, group_id)
        found, skipped = groups.resolve(session, body.customer_ids)
        inside = {customer.id for customer in groups.members(session, group)}
        gone = [customer_id for customer_id in found.values() if customer_id in inside]
        groups.take_out(session, group, gone)
        skipped += [name for name, customer_id in found.items() if customer_id not in inside]
        return MembersRemoved(removed=len(gone), skipped=len(skipped), skipped_ids=skipped)

    return billing.database.write(work)


def _summary(session: Session, row: tables.CustomerGroup) -> GroupSummary:
    member = tables.CustomerGroupMember
    count = session.scalar(select(func.count()).select_from(member).where(member.group_id == row.id)) or 0
    return GroupSummary(
        id=row.id, name=row.name, description=row.description, customer_count=count, created_at=row.created_at,
        updated_at=row.updated_at,
    )  # fmt: skip


def _detail(session: Session, row: tables.CustomerGroup) -> GroupDetail:
    inside = [GroupMember.model_validate(customer) for customer in groups.members(session, row)]
    return GroupDetail(**_summary(session, row).model_dump(), customers=inside)
