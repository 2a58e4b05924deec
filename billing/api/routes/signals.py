"""`/signals`: the billable events as received, whichever way they came."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import orjson
from fastapi import Path, Query, Response

from billing.api.dates import at_or_after, at_or_before
from billing.api.errors import not_found
from billing.api.paging import Listed, Paged, Pagination
from billing.api.requests import Shared, router
from billing.api.schemas.signals import SignalListItem, shown_signal
from billing.context import Billing
from billing.signals.listing import Wanted, list_signals, one_signal
from billing.signals.names import customers_of, products_of, texts_of_customer, texts_of_product

routes = router("signals")

Asked = Annotated[str | None, Query(max_length=4096, pattern=r"^[^\x00]*$")]


@routes.get("/signals", response_model=Listed[SignalListItem])
def list_all(
    billing: Shared,
    part: Paged,
    signal_name: Annotated[Asked, Query(alias="signalName")] = None,
    customer_id: Annotated[Asked, Query(alias="customerId")] = None,
    external_customer_id: Annotated[Asked, Query(alias="externalCustomerId")] = None,
    product_id: Annotated[Asked, Query(alias="productId")] = None,
    external_product_id: Annotated[Asked, Query(alias="externalProductId")] = None,
    created_at_from: Annotated[Asked, Query(alias="createdAtFrom")] = None,
    created_at_to: Annotated[Asked, Query(alias="createdAtTo")] = None,
) -> Response:
    """The newest first, by when they were received. An alias means its customer; unknown ids match as sent."""
    with billing.database.read() as session:
        customers = texts_of_customer(session, customer_id, external_customer_id)
        products = texts_of_product(session, product_id, external_product_id)
    wanted = Wanted(
        name=signal_name,
        customers=customers,
        products=products,
        received_from=at_or_after(created_at_from, "createdAtFrom"),
        received_to=at_or_before(created_at_to, "createdAtTo"),
    )
    rows, total = list_signals(billing, wanted, part.limit, part.offset)
    pagination = Pagination(limit=part.limit, offset=part.offset, total=total, has_more=part.offset + len(rows) < total)
    return _json({"data": _shown(billing, rows), "pagination": pagination.model_dump(by_alias=True)})


@routes.get("/signals/{signal_id}", response_model=SignalListItem)
def get_signal(billing: Shared, signal_id: Annotated[str, Path(pattern=r"^[^\x00]*$")]) -> Response:
    """One signal, as soon as it is in the lake: within a second or so of its acceptance."""
    row = one_signal(billing, signal_id)
    if row is None:
        raise not_found("signal", signal_id)
    return _json(_shown(billing, [row])[0])


def _shown(billing: Billing, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    with billing.database.read() as session:
        customers = customers_of(session, {row["customer_id"] for row in rows} - {None})
        products = products_of(session, {row["product_id"] for row in rows} - {None})
    return [shown_signal(row, customers, products) for row in rows]


def _json(content: dict[str, Any]) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")
