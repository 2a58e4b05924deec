"""Bodies of products."""

from typing import Annotated

from pydantic import Field

from billing.api.model import Metadata, Model, Text, Time
from billing.api.schemas.pricing import PricingOutput, shown_benefits, shown_pricing
from billing.catalog.pricing import CreditBenefit, CreditBenefitInput, Pricing
from billing.tables import catalog as tables

Description = Annotated[str, Field(max_length=65_536, pattern=r"^[^\x00]*$")]


class ProductCreate(Model):
    """A new product; its attributes come with an update."""

    name: Text
    description: Description | None = None
    active: bool | None = None
    product_code: Text | None = None
    external_id: Text | None = None
    metadata: Metadata | None = None


class AttributeUpsert(Model):
    """An attribute to change (by its id) or to add. What is not given stays as it is."""

    product_attribute_id: Text | None = None
    name: Text
    active: bool | None = None
    pricing: Pricing
    credit_benefits: list[CreditBenefitInput] | None = Field(default=None, max_length=100)
    tax_code: Text | None = None


class ProductUpdate(Model):
    """What changes. archived: true puts the product out of sale (it still meters), false brings it back."""

    name: Text | None = None
    description: Description | None = None
    active: bool | None = None
    product_code: Text | None = None
    external_id: Text | None = None
    metadata: Metadata | None = None
    archived: bool | None = None
    product_attributes: list[AttributeUpsert] | None = Field(default=None, max_length=500)


class Product(Model):
    """A product without its attributes."""

    id: str
    name: str
    description: str | None = None
    active: bool
    product_code: str | None = None
    external_id: str | None = None
    metadata: Metadata | None = None
    archived_at: Time | None = None
    created_at: Time
    updated_at: Time


class AttributeOutput(Model):
    """Something of a product that has a price."""

    product_attribute_id: str
    name: str
    active: bool
    tax_code: str | None = None
    pricing: PricingOutput | None = None
    credit_benefits: list[CreditBenefit]


class ProductDetail(Product):
    """A product with its attributes."""

    product_attributes: list[AttributeOutput]


def shown_product(row: tables.Product) -> Product:
    """A product as a list shows it."""
    return Product(
        id=row.id, name=row.name, description=row.description, active=row.active, product_code=row.product_code,
        external_id=row.external_id, metadata=row.details, archived_at=row.archived_at, created_at=row.created_at,
        updated_at=row.updated_at,
    )  # fmt: skip


def shown_detail(row: tables.Product) -> ProductDetail:
    """A product with its attributes, in their order."""
    attributes = [
        AttributeOutput(
            product_attribute_id=each.id,
            name=each.name,
            active=each.active,
            tax_code=each.tax_code,
            pricing=shown_pricing(each.pricing),
            credit_benefits=shown_benefits(each.credit_benefits),
        )
        for each in row.attributes
    ]
    return ProductDetail(**shown_product(row).model_dump(), product_attributes=attributes)
