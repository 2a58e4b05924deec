"""`/products`: what is sold, and what its attributes cost."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Query
from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.api.paging import Listed, Paged, listed
from billing.api.requests import Shared, router
from billing.api.schemas.products import (
    Product,
    ProductCreate,
    ProductDetail,
    ProductUpdate,
    shown_detail,
    shown_product,
)
from billing.catalog import products
from billing.catalog.find import product_by_external_id, product_by_id
from billing.context import Billing
from billing.tables import catalog as tables

routes = router("products")


@routes.get("/products", response_model_exclude_none=True)
def list_products(
    billing: Shared,
    part: Paged,
    name: Annotated[str | None, Query()] = None,
    active: Annotated[bool | None, Query()] = None,
    archived: Annotated[bool | None, Query()] = None,
) -> Listed[Product]:
    """Products, the newest first. name: a part of the name in any case; archived: left out, both kinds."""
    query = select(tables.Product).order_by(tables.Product.created_at.desc(), tables.Product.id)
    if name:
        query = query.where(tables.Product.name.icontains(name, autoescape=True))
    if active is not None:
        query = query.where(tables.Product.active == active)
    if archived is not None:
        query = query.where(
            tables.Product.archived_at.is_not(None) if archived else tables.Product.archived_at.is_(None)
        )
    with billing.database.read() as session:
        return listed(session, query, part, shown_product)


@routes.post("/products", response_model_exclude_none=True)
def create_product(billing: Shared, body: ProductCreate) -> Product:
    """A new product, without prices."""
    now = billing.clock()
    return billing.database.write(lambda session: shown_product(products.create(session, body, now)))


@routes.get("/products/external/{external_id:path}", response_model_exclude_none=True)
def get_product_by_external_id(billing: Shared, external_id: str) -> ProductDetail:
    """The product of a caller's own id."""
    with billing.database.read() as session:
        return shown_detail(product_by_external_id(session, external_id))


@routes.put("/products/external/{external_id:path}", response_model_exclude_none=True)
def update_product_by_external_id(billing: Shared, external_id: str, body: ProductUpdate) -> ProductDetail:
    """Change the product of a caller's own id, and its attributes' prices."""
    return _update(billing, body, lambda session: product_by_external_id(session, external_id))


@routes.get("/products/{product_id}", response_model_exclude_none=True)
def get_product_by_id(billing: Shared, product_id: str) -> ProductDetail:
    """A product with its attributes."""
    with billing.database.read() as session:
        return shown_detail(product_by_id(session, product_id))


@routes.put("/products/{product_id}", response_model_exclude_none=True)
def update_product_by_id(billing: Shared, product_id: str, body: ProductUpdate) -> ProductDetail:
    """Change a product, and its attributes' prices."""
    return _update(billing, body, lambda session: product_by_id(session, product_id))


def _update(billing: Billing, body: ProductUpdate, find: Callable[[Session], tables.Product]) -> ProductDetail:
    now = billing.clock()

    def work(session: Session) -> ProductDetail:
        product = find(session)
        products.update(session, product, body, now)
        return shown_detail(product)

    return billing.database.write(work)
