"""Bodies of a customer's users."""

from typing import Literal

from billing.api.model import Metadata, Model, Time
from billing.api.schemas.customers import Line


class UserUpsert(Model):
    """A user, new or changed; what is not given stays. Deactivated ones lose their seats."""

    name: Line | None = None
    email: Line | None = None
    metadata: Metadata | None = None
    status: Literal["active", "deactivated"] | None = None


class CustomerUser(Model):
    """A person who uses the product at a customer. created: whether this very request made it."""

    id: str
    external_id: str
    customer_external_id: str
    name: str | None = None
    email: str | None = None
    metadata: Metadata | None = None
    status: Literal["active", "deactivated"]
    created: bool
    created_at: Time
    updated_at: Time
