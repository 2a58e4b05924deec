"""Bodies of customer groups."""

from typing import Annotated

from pydantic import Field

from billing.api.model import Model, Text, Time
from billing.api.schemas.customers import Line


class GroupCreate(Model):
    """A new group; names are unique."""

    name: Text
    description: Line | None = None


class GroupUpdate(Model):
    """What changes."""

    name: Text | None = None
    description: Line | None = None


class Members(Model):
    """External ids of customers; display ids and aliases do as well."""

    customer_ids: Annotated[list[Text], Field(max_length=10_000)]


class GroupSummary(Model):
    """A group and how many are in it."""

    id: str
    name: str
    description: str | None = None
    customer_count: int
    created_at: Time
    updated_at: Time


class GroupMember(Model):
    """A customer in a group."""

    id: str
    name: str
    external_id: str | None = None


class GroupDetail(GroupSummary):
    """A group and who is in it."""

    customers: list[GroupMember]


class GroupDeleted(Model):
    """What is gone."""

    deleted_group_id: str
    unbound_customer_count: int


class MembersAdded(Model):
    """skipped: unknown customers, and those who were in the group already."""

    added: int
    skipped: int
    skipped_ids: list[str]


class MembersRemoved(Model):
    """skipped: unknown customers, and those who were not in the group."""

    removed: int
    skipped: int
    skipped_ids: list[str]


class MembersSet(Model):
    """skipped: unknown customers."""

    added: int
    removed: int
    skipped: int
    skipped_ids: list[str]
