"""`/experimental/views`: pages that the vendor's own builder makes and hosts. Here they do not exist, and say so."""

from typing import Final, NoReturn

from billing.api.errors import not_implemented
from billing.api.requests import router

routes = router("custom views")

REASON: Final = (
    "custom views belong to the vendor's page builder, which is not a part of this service; ask POST /analytics/query "
    "for the data, and GET /value-receipts for pages that customers may see"
)


_METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@routes.api_route("/experimental/views", methods=_METHODS, response_model=None, include_in_schema=False)
@routes.api_route("/experimental/views/{rest:path}", methods=_METHODS, response_model=None, include_in_schema=False)
def custom_views(rest: str = "") -> NoReturn:
    """501, and why."""
    raise not_implemented(REASON)
