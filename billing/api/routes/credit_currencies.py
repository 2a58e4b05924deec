"""`/credits/currencies`: kinds of credits."""

from typing import Annotated, Literal

from fastapi import Query
from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.api.errors import conflict, not_found
from billing.api.requests import Shared, router
from billing.api.schemas.credit_currencies import (
    CreditCurrency,
    CreditCurrencyCreate,
    CreditCurrencyList,
    CreditCurrencyUpdate,
)
from billing.ids import new_id
from billing.tables import ledger as tables

routes = router("credit currencies")


@routes.get("/credits/currencies", response_model_exclude_none=True)
def list_credit_currencies(
    billing: Shared, status: Annotated[Literal["active", "archived", "all"], Query()] = "all"
) -> CreditCurrencyList:
    """All currencies, the newest first."""
    query = select(tables.CreditCurrency).order_by(tables.CreditCurrency.created_at.desc(), tables.CreditCurrency.id)
    if status != "all":
        query = query.where(tables.CreditCurrency.status == status)
    with billing.database.read() as session:
        return CreditCurrencyList(data=[CreditCurrency.model_validate(row) for row in session.scalars(query)])


@routes.post("/credits/currencies", response_model_exclude_none=True)
def create_credit_currency(billing: Shared, body: CreditCurrencyCreate) -> CreditCurrency:
    """A new currency; 409 when the key is taken."""
    now = billing.clock()

    def work(session: Session) -> CreditCurrency:
        if session.scalar(select(tables.CreditCurrency.id).where(tables.CreditCurrency.key == body.key)):
            raise conflict(f"key: {body.key!r} is taken")
        row = tables.CreditCurrency(
            id=new_id("cc"), key=body.key, name=body.name, description=body.description, status="active",
            archived_at=None, created_at=now, updated_at=now,
        )  # fmt: skip
        session.add(row)
        session.flush()
        return CreditCurrency.model_validate(row)

    return billing.database.write(work)


@routes.put("/credits/currencies/{currency_id}", response_model_exclude_none=True)
def update_credit_currency(billing: Shared, currency_id: str, body: CreditCurrencyUpdate) -> CreditCurrency:
    """Describe, archive or bring back a currency."""
    now = billing.clock()

    def work(session: Session) -> CreditCurrency:
        row = session.get(tables.CreditCurrency, currency_id)
        if row is None:
            raise not_found("credit currency", currency_id)
        if "description" in body.model_fields_set:
            row.description = body.description
        if body.status is not None and body.status != row.status:
            row.status = body.status
            row.archived_at = now if body.status == "archived" else None
        row.updated_at = now
        session.flush()
        return CreditCurrency.model_validate(row)

    return billing.database.write(work)
