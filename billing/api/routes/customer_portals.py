"""`/customer-portals`: links by which customers see their own account."""

from sqlalchemy.orm import Session

from billing.api.requests import Shared, router
from billing.api.schemas.portals import CustomerPortal, CustomerPortalCreate
from billing.checkout.portal import create, shown

routes = router("customer portals")


@routes.post("/customer-portals", response_model_exclude_none=True)
def create_customer_portal(billing: Shared, body: CustomerPortalCreate) -> CustomerPortal:
    """A link for one customer; it ends after 24 hours unless it says when."""
    now = billing.clock()

    def work(session: Session) -> CustomerPortal:
        return shown(create(session, body, now), now, billing.public_url)

    return billing.database.write(work)
