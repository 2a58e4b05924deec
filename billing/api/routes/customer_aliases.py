"""`/customers/…/aliases`: other external ids of a customer."""

from typing import Annotated

from fastapi import Depends
from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.api.customer_paths import TWINS, Find, Who
from billing.api.errors import not_found
from billing.api.model import EmptyResponse
from billing.api.paging import Listed, Paged, listed
from billing.api.requests import Shared, router
from billing.api.schemas.customers import Alias, AliasCreate, shown_alias
from billing.customers import aliases
from billing.metering.replay import replay_name
from billing.tables import customers as tables

routes = router("customer aliases")


def _below(path: str, who: Who) -> None:
    @routes.get(f"{path}/aliases", response_model_exclude_none=True)
    def list_customer_aliases(billing: Shared, part: Paged, find: Annotated[Find, Depends(who)]) -> Listed[Alias]:
        """The customer's aliases, the oldest first."""
        table = tables.CustomerAlias
        with billing.database.read() as session:
            query = select(table).where(table.customer_id == find(session).id).order_by(table.created_at, table.alias)
            return listed(session, query, part, shown_alias)

    @routes.post(f"{path}/aliases", response_model_exclude_none=True)
    def create_customer_alias(billing: Shared, find: Annotated[Find, Depends(who)], body: AliasCreate) -> Alias:
        """Another external id; 409 when somebody has it. What came under it before is the customer's from now on."""
        now = billing.clock()
        made = billing.database.write(lambda session: shown_alias(aliases.add(session, find(session), body, now)))
        replay_name(billing, made.alias, now)
        return made

    @routes.delete(f"{path}/aliases/{{alias:path}}")
    def delete_customer_alias(billing: Shared, find: Annotated[Find, Depends(who)], alias: str) -> EmptyResponse:
        """Take an alias away from its customer."""

        def work(session: Session) -> None:
            customer = find(session)
            row = session.get(tables.CustomerAlias, alias)
            if row is None or row.customer_id != customer.id:
                raise not_found("alias", alias)
            session.delete(row)

        billing.database.write(work)
        return EmptyResponse()


for _path, _who in TWINS:
    _below(_path, _who)
