"""Bodies of plans."""

from typing import Annotated, Literal, cast

from pydantic import Field

from billing.api.model import Model, Text, Time
from billing.api.schemas.pricing import PricingOutput, shown_benefits, shown_pricing
from billing.catalog.effective import currencies_of
from billing.catalog.price_points import Currency
from billing.catalog.pricing import CreditBenefit, CreditBenefitInput, Pricing
from billing.tables import catalog as tables

PlanStatus = Literal["active", "archived"]
Currencies = Annotated[list[Currency], Field(max_length=200)]


class PlanAttributeInput(Model):
    """What the plan says of one attribute of its product."""

    product_attribute_id: Text
    pricing: Pricing
    credit_benefits: list[CreditBenefitInput] | None = Field(default=None, max_length=100)


Attributes = Annotated[list[PlanAttributeInput], Field(max_length=500)]


class PlanCreate(Model):
    """A new plan of a product."""

    product_id: Text
    name: Text | None = None
    external_id: Text | None = None
    supported_currencies: Currencies | None = None
    is_default: bool | None = None
    attributes: Attributes


class PlanUpdate(Model):
    """What changes; attributes that are given replace those there are."""

    name: Text | None = None
    external_id: Text | None = None
    supported_currencies: Currencies | None = None
    is_default: bool | None = None
    status: PlanStatus | None = None
    attributes: Attributes | None = None


class UpgradePathGroup(Model):
    """Plans of one billing frequency, the smallest first."""

    frequency: Text | None = None
    plan_ids: Annotated[list[Text], Field(max_length=500)]


class UpgradePathUpdate(Model):
    """The order in which buyers move up between the plans of a product."""

    product_id: Text
    groups: Annotated[list[UpgradePathGroup], Field(max_length=100)]


class PlanAttribute(Model):
    """An attribute as the plan sells it."""

    product_attribute_id: str
    name: str
    active: bool
    pricing: PricingOutput | None = None
    credit_benefits: list[CreditBenefit]


class Plan(Model):
    """A way to buy a product."""

    id: str
    product_id: str
    name: str | None = None
    external_id: str | None = None
    supported_currencies: list[str]
    is_default: bool
    status: PlanStatus
    upgrade_path_group: str | None = None
    upgrade_path_order: int | None = None
    archived_at: Time | None = None
    created_at: Time
    updated_at: Time
    attributes: list[PlanAttribute]


class PlanList(Model):
    """All of them."""

    data: list[Plan]


def shown_plan(row: tables.Plan) -> Plan:
    """A plan with its attributes, in their order."""
    attributes = [
        PlanAttribute(
            product_attribute_id=each.product_attribute_id,
            name=each.attribute.name,
            active=each.attribute.active,
            pricing=shown_pricing(each.pricing),
            credit_benefits=shown_benefits(each.credit_benefits),
        )
        for each in row.attributes
    ]
    return Plan(
        id=row.id, product_id=row.product_id, name=row.name, external_id=row.external_id,
        supported_currencies=currencies_of(row), is_default=row.is_default, status=cast(PlanStatus, row.status),
        upgrade_path_group=row.upgrade_path_group, upgrade_path_order=row.upgrade_path_order,
        archived_at=row.archived_at, created_at=row.created_at, updated_at=row.updated_at, attributes=attributes,
    )  # fmt: skip
