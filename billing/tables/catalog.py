"""What is sold: products with priced attributes, and plans that override them."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from billing.tables.base import Base, Stamped


class Product(Stamped, Base):
    """A product (on spans: an agent). Archived ones still meter."""

    __tablename__ = "products"

    id: Mapped[str] = mapped_column(primary_key=True)  # prod_…
    external_id: Mapped[str | None] = mapped_column(unique=True)
    name: Mapped[str]
    description: Mapped[str | None]
    active: Mapped[bool]
    product_code: Mapped[str | None]
    details: Mapped[dict[str, Any] | None] = mapped_column("metadata")
    archived_at: Mapped[datetime | None]

    attributes: Mapped[list["ProductAttribute"]] = relationship(order_by="ProductAttribute.position")


class ProductAttribute(Stamped, Base):
    """Something of a product that has a price. pricing: see `billing.catalog.pricing`; null until it is set."""

    __tablename__ = "product_attributes"

    id: Mapped[str] = mapped_column(primary_key=True)  # pa_…
    product_id: Mapped[str] = mapped_column(ForeignKey("products.id"), index=True)
    position: Mapped[int]
    name: Mapped[str]
    active: Mapped[bool]
    pricing: Mapped[dict[str, Any] | None]
    credit_benefits: Mapped[list[Any]]
    tax_code: Mapped[str | None]


class Plan(Stamped, Base):
    """A way to buy a product: its attributes' prices and credit benefits, overridden."""

    __tablename__ = "plans"

    id: Mapped[str] = mapped_column(primary_key=True)  # plan_…
    product_id: Mapped[str] = mapped_column(ForeignKey("products.id"), index=True)
    external_id: Mapped[str | None] = mapped_column(unique=True)
    name: Mapped[str | None]
    supported_currencies: Mapped[list[Any]]
    is_default: Mapped[bool]
    status: Mapped[str]  # active | archived
    upgrade_path_group: Mapped[str | None]
    upgrade_path_order: Mapped[int | None]
    archived_at: Mapped[datetime | None]

    attributes: Mapped[list["PlanAttribute"]] = relationship(
        order_by="PlanAttribute.position", cascade="all, delete-orphan"
    )


class PlanAttribute(Base):
    """What a plan says of one attribute of its product."""

    __tablename__ = "plan_attributes"
    __table_args__ = (UniqueConstraint("plan_id", "product_attribute_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)  # pla_…
    plan_id: Mapped[str] = mapped_column(ForeignKey("plans.id"), index=True)
    product_attribute_id: Mapped[str] = mapped_column(ForeignKey("product_attributes.id"))
    position: Mapped[int]
    pricing: Mapped[dict[str, Any]]
    credit_benefits: Mapped[list[Any]]

    attribute: Mapped[ProductAttribute] = relationship()
