"""`/customers/…/state`: everything about a customer in one call."""

from typing import Annotated

from fastapi import Depends

from billing.api.customer_paths import TWINS, Find, Who
from billing.api.requests import Shared, router
from billing.api.schemas.customer_state import CustomerState
from billing.customers.state import state_of

routes = router("customer state")


def _below(path: str, who: Who) -> None:
    @routes.get(f"{path}/state", response_model_exclude_none=True)
    def get_customer_state(billing: Shared, find: Annotated[Find, Depends(who)]) -> CustomerState:
        """Orders, seats, checkout links and credits as they stand at this moment."""
        now = billing.clock()
        with billing.database.read() as session:
            return state_of(session, billing, find(session), now)


for _path, _who in TWINS:
    _below(_path, _who)
