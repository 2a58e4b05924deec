"""Customers in paths: each route below a customer is there by display id and by the caller's own id."""

from collections.abc import Awaitable, Callable
from typing import Final

from sqlalchemy.orm import Session

from billing.customers.find import customer_by_external_id, customer_by_id
from billing.tables.customers import Customer

Find = Callable[[Session], Customer]
"""Finds the customer that a path names. Raises the API's 404."""

Who = Callable[[str], Awaitable[Find]]
"""A dependency: what finds the customer of a path. Async, since a request that changes threads waits for each."""


async def by_id(customer_id: str) -> Find:
    """The customer of the display id in the path."""
    return lambda session: customer_by_id(session, customer_id)


async def by_external_id(external_id: str) -> Find:
    """The customer of the caller's own id, or of an alias, in the path."""
    return lambda session: customer_by_external_id(session, external_id)


TWINS: Final[tuple[tuple[str, Who], ...]] = (
    ("/customers/external/{external_id:path}", by_external_id),
    ("/customers/{customer_id}", by_id),
)
"""Beginnings of paths, each with what finds its customer, in the order in which they are to be registered."""
