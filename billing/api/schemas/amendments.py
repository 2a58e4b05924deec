"""Bodies of amendments: changes of active orders, planned and done by the same code."""

from typing import Annotated, Any, Literal

from pydantic import Field

from billing.api.model import Model, Text, Time
from billing.api.schemas.order_lines import Quantity
from billing.catalog.price_points import Cents, Currency

Treatment = Literal["none", "prorate", "signalsFromAmendment", "allSignalsInPeriod"]


class _Intent(Model):
    treatment: Treatment | None = None


class UpdateQuantity(_Intent):
    """Another quantity from now on."""

    type: Literal["updateQuantity"]
    order_line_attribute_id: Text
    new_quantity: Quantity


class UpdatePricing(_Intent):
    """Another price from now on; one of another kind or billing period begins with periods of its own."""

    type: Literal["updatePricing"]
    order_line_attribute_id: Text
    new_unit_price_minor: Cents | None = None
    new_pricing: dict[str, Any] | None = None
    new_quantity: Quantity | None = None


class EndAttribute(_Intent):
    """Sell it no more from now on."""

    type: Literal["endAttribute"]
    order_line_attribute_id: Text


class AddFromCatalog(Model):
    """Sell an attribute of the catalog too, at its price there or at another one."""

    type: Literal["addFromCatalog"]
    product_attribute_id: Text
    quantity: Quantity | None = None
    unit_price_minor: Cents | None = None
    charge_stub: Literal["none", "prorated", "full"] | None = None


class AddAttribute(_Intent):
    """Sell something too, at this price."""

    type: Literal["addAttribute"]
    product_id: Text
    product_attribute_id: Text | None = None
    line_name: Text
    pricing: dict[str, Any]
    quantity: Quantity
    currency: Currency | None = None
    charge_stub: Literal["none", "prorated", "full"] | None = None
    credit_grant: Literal["full"] | None = None


class UpdateLineTerm(_Intent):
    """Another end of a line."""

    type: Literal["updateLineTerm"]
    order_line_id: Text
    new_end_date: Time


class UpdateOrderTerm(_Intent):
    """Another end of the order, and of the lines that outlive it, follow it, or are named."""

    type: Literal["updateOrderTerm"]
    new_end_date: Time
    extend_line_ids: Annotated[list[Text], Field(max_length=200)] | None = None


Intent = Annotated[
    UpdateQuantity | UpdatePricing | EndAttribute | AddFromCatalog | AddAttribute | UpdateLineTerm | UpdateOrderTerm,
    Field(discriminator="type"),
]


class AmendmentRequest(Model):
    """What is to change, on which version of the order. planHash: of the plan that was looked at."""

    order_version: Annotated[int, Field(ge=0, le=2**31)]
    intents: Annotated[list[Intent], Field(min_length=1, max_length=100)]
    default_treatment: Treatment | None = None
    plan_hash: Text | None = None
