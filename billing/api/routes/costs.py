"""`/costs/bulk`: costs that are stated rather than seen by an instrumentation."""

from billing.api.errors import not_implemented
from billing.api.requests import Shared, router
from billing.api.schemas.costs import CostIngestResponse, CostsBody

routes = router("costs")


@routes.post("/costs/bulk", response_model_exclude_none=True)
def create_costs(billing: Shared, body: CostsBody) -> CostIngestResponse:
    """Take costs and usage in, all or nothing: 400 when one cannot be used, or has no price."""
    if billing.take_costs is None:
        raise not_implemented("costs are taken by the running service only")
    return billing.take_costs(body.costs)
