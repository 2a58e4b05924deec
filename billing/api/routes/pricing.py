"""`/pricing`: the prices of single attributes."""

from typing import Annotated

from fastapi import Query
from sqlalchemy.orm import Session

from billing.api.requests import Shared, router
from billing.api.schemas.pricing import PricingList, PricingResponse, PricingUpdate, shown_benefits, shown_pricing
from billing.catalog.find import attribute_by_id, product_by_id
from billing.catalog.terms import benefit_terms, pricing_terms
from billing.tables import catalog as tables

routes = router("pricing")


@routes.get("/pricing", response_model_exclude_none=True)
def list_pricing(billing: Shared, product_id: Annotated[str, Query(alias="productId")]) -> PricingList:
    """The prices of a product's attributes."""
    with billing.database.read() as session:
        return PricingList(data=[_shown(each) for each in product_by_id(session, product_id).attributes])


@routes.get("/pricing/{attribute_id}", response_model_exclude_none=True)
def get_pricing(billing: Shared, attribute_id: str) -> PricingResponse:
    """The price of one attribute."""
    with billing.database.read() as session:
        return _shown(attribute_by_id(session, attribute_id))


@routes.put("/pricing/{attribute_id}", response_model_exclude_none=True)
def update_pricing(billing: Shared, attribute_id: str, body: PricingUpdate) -> PricingResponse:
    """Another price; benefits stay as they are unless some are given."""
    now = billing.clock()

    def work(session: Session) -> PricingResponse:
        attribute = attribute_by_id(session, attribute_id)
        attribute.pricing = pricing_terms(session, body.pricing)
        if body.credit_benefits is not None:
            attribute.credit_benefits = benefit_terms(session, body.credit_benefits, attribute.credit_benefits)
        attribute.updated_at = now
        session.flush()
        return _shown(attribute)

    return billing.database.write(work)


def _shown(row: tables.ProductAttribute) -> PricingResponse:
    return PricingResponse(
        product_attribute_id=row.id,
        name=row.name,
        pricing=shown_pricing(row.pricing),
        credit_benefits=shown_benefits(row.credit_benefits),
    )
