"""`/customers/{externalId}/users`: people who use the product at a customer."""

from typing import Annotated, Literal, cast

from fastapi import Path
from sqlalchemy.orm import Session

from billing.api.requests import Shared, router
from billing.api.schemas.customer_users import CustomerUser, UserUpsert
from billing.customers import users
from billing.customers.find import customer_by_external_id

routes = router("customer users")


@routes.put("/customers/{customer_external_id:path}/users/{user_external_id:path}", response_model_exclude_none=True)
def upsert_customer_user_by_external_id(
    billing: Shared,
    customer_external_id: str,
    user_external_id: Annotated[str, Path(min_length=1, max_length=1024)],
    body: UserUpsert,
) -> CustomerUser:
    """Make or change a user; the same request twice leaves the same user."""
    now = billing.clock()

    def work(session: Session) -> CustomerUser:
        customer = customer_by_external_id(session, customer_external_id)
        row, created = users.upsert(session, customer, user_external_id, body, now)
        return CustomerUser(
            id=row.id, external_id=row.external_id, customer_external_id=customer.external_id or customer_external_id,
            name=row.name, email=row.email, metadata=row.details,
            status=cast(Literal["active", "deactivated"], row.status), created=created, created_at=row.created_at,
            updated_at=row.updated_at,
        )  # fmt: skip

    return billing.database.write(work)
