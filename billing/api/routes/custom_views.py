"""`/experimental/views`: pages that the vendor's own builder makes and hosts. Here they do not exist, and say so."""

from typing import Final, NoReturn

from billing.api.errors import not_implemented
from billing.api.requests import router

routes = router("custom views")

REASON: Final = (
    "custom views belong to the vendor's page builder, which is not a part of this service; ask POST /analytics/query "
    "for the data, and GET /value-receipts for pages that customers may see"
)


@routes.api_route("/experimental/views", methods=["GET", "POST"], response_model=None, operation_id="custom_views")
@routes.api_route(
    "/experimental/views/{rest:path}",
    methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
    response_model=None,
    include_in_schema=False,
)
def custom_views(rest: str = "") -> NoReturn:
    """501, and why."""
    raise not_implemented(REASON)
