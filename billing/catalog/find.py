"""Products, plans and priced attributes by the names that callers have for them."""

from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.api.errors import not_found
from billing.tables.catalog import Plan, Product, ProductAttribute

T = TypeVar("T")


def product_by_id(session: Session, product_id: str) -> Product:
    """The product of a display id, archived or not. Raises the API's 404."""
    return _found(session.get(Product, product_id), "product", product_id)


def product_by_external_id(session: Session, external_id: str) -> Product:
    """The product of a caller's own id. Raises the API's 404."""
    return _found(session.scalar(select(Product).where(Product.external_id == external_id)), "product", external_id)


def find_product(session: Session, text: str) -> Product | None:
    """The product of a display id or a caller's own id."""
    return session.get(Product, text) or session.scalar(select(Product).where(Product.external_id == text))


def plan_by_id(session: Session, plan_id: str) -> Plan:
    """The plan of a display id, archived or not. Raises the API's 404."""
    return _found(session.get(Plan, plan_id), "plan", plan_id)


def plan_by_external_id(session: Session, external_id: str) -> Plan:
    """The plan of a caller's own id. Raises the API's 404."""
    return _found(session.scalar(select(Plan).where(Plan.external_id == external_id)), "plan", external_id)


def find_plan(session: Session, text: str) -> Plan | None:
    """The plan of a display id or a caller's own id."""
    return session.get(Plan, text) or session.scalar(select(Plan).where(Plan.external_id == text))


def attribute_by_id(session: Session, attribute_id: str) -> ProductAttribute:
    """The priced attribute of a display id. Raises the API's 404."""
    return _found(session.get(ProductAttribute, attribute_id), "product attribute", attribute_id)


def _found(row: T | None, kind: str, name: str) -> T:
    if row is None:
        raise not_found(kind, name)
    return row
