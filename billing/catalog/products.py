"""Changes of products."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.api.errors import invalid
from billing.api.schemas.products import AttributeUpsert, ProductCreate, ProductUpdate
from billing.catalog.terms import benefit_terms, pricing_terms
from billing.ids import new_id
from billing.tables.catalog import Product, ProductAttribute

_PLAIN = ("description", "product_code")


def create(session: Session, body: ProductCreate, now: datetime) -> Product:
    """A new product, flushed. Raises the API's 400 when its external id is taken."""
    _check_free(session, body.external_id)
    product = Product(
        id=new_id("prod"), external_id=body.external_id, name=body.name, description=body.description,
        active=body.active is not False, product_code=body.product_code, details=body.metadata, archived_at=None,
        created_at=now, updated_at=now, attributes=[],
    )  # fmt: skip
    session.add(product)
    session.flush()
    return product


def update(session: Session, product: Product, body: ProductUpdate, now: datetime) -> None:
    """Change what the body gives, and flush. Raises the API's 400 for what cannot be."""
    given = body.model_fields_set
    if body.external_id != product.external_id and "external_id" in given:
        _check_free(session, body.external_id)
        product.external_id = body.external_id
    if body.name is not None:
        product.name = body.name
    if body.active is not None:
        product.active = body.active
    for field in _PLAIN:
        if field in given:
            setattr(product, field, getattr(body, field))
    if "metadata" in given:
        product.details = body.metadata
    if body.archived is not None and body.archived != (product.archived_at is not None):
        product.archived_at = now if body.archived else None
    product.updated_at = now
    if body.product_attributes:
        upsert_attributes(session, product, body.product_attributes, now)
    session.flush()


def upsert_attributes(session: Session, product: Product, wanted: Sequence[AttributeUpsert], now: datetime) -> None:
    """Change the attributes that are named by id and add the others; those that are not mentioned stay."""
    known = {attribute.id: attribute for attribute in product.attributes}
    for place, each in enumerate(wanted):
        where = f"productAttributes[{place}]"
        attribute = None
        if each.product_attribute_id is not None:
            attribute = known.get(each.product_attribute_id)
            if attribute is None:
                raise invalid(f"{where}.productAttributeId: {product.id} has no {each.product_attribute_id!r}")
        if attribute is None:
            attribute = ProductAttribute(
                id=new_id("pa"), product_id=product.id, position=_next_position(product), name=each.name, active=True,
                pricing=None, credit_benefits=[], tax_code=None, created_at=now, updated_at=now,
            )  # fmt: skip
            product.attributes.append(attribute)
        _apply(session, attribute, each, where, now)


def _apply(session: Session, attribute: ProductAttribute, wanted: AttributeUpsert, where: str, now: datetime) -> None:
    attribute.name = wanted.name
    attribute.pricing = pricing_terms(session, wanted.pricing, f"{where}.pricing")
    if wanted.active is not None:
        attribute.active = wanted.active
    if wanted.credit_benefits is not None:
        attribute.credit_benefits = benefit_terms(
            session, wanted.credit_benefits, attribute.credit_benefits, f"{where}.creditBenefits"
        )
    if "tax_code" in wanted.model_fields_set:
        attribute.tax_code = wanted.tax_code
    attribute.updated_at = now


def _next_position(product: Product) -> int:
    return max((attribute.position for attribute in product.attributes), default=-1) + 1


def _check_free(session: Session, external_id: str | None) -> None:
    if external_id is not None and session.scalar(select(Product.id).where(Product.external_id == external_id)):
        raise invalid(f"externalId: {external_id!r} is another product's")
