"""All that is served beside the API: the pages for buyers and customers, and what payment providers call."""

from starlette.routing import BaseRoute

from billing.checkout.notices import notice_routes
from billing.checkout.pages import CheckoutPages
from billing.checkout.portal import portal_routes
from billing.context import Billing


def site_routes(billing: Billing) -> list[BaseRoute]:
    """The routes, to be served at the root of the service. None of them asks for a key: the links are the keys."""
    return [*CheckoutPages(billing).routes, *portal_routes(billing), *notice_routes(billing)]
