"""Bodies of checkouts."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from billing.api.model import Metadata, Model, Text, Time
from billing.catalog.price_points import Currency

CheckoutStatus = Literal["active", "completed", "expired", "archived"]


def _web_address(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or any(ord(sign) <= 32 or ord(sign) == 127 for sign in text):
        raise ValueError("must be an http:// or https:// address")
    return text


WebAddress = Annotated[str, StringConstraints(min_length=1, max_length=2048), AfterValidator(_web_address)]
"""An address that browsers go to; never `javascript:` or the like."""

Label = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


class CheckoutPlan(Model):
    """A plan on offer. features: lines of text beside its price."""

    id: Text
    features: Annotated[list[Label], Field(max_length=50)] | None = None


class CheckoutProduct(Model):
    """A product on offer; without plans all of its active ones, or itself where it has none."""

    id: Text
    plans: Annotated[list[CheckoutPlan], Field(max_length=50)] | None = None


class CheckoutCustomCard(Model):
    """A card beside the plans that only tells something."""

    label: Label
    price_text: Label | None = None
    button_text: Label | None = None
    button_url: WebAddress | None = None


class CheckoutCreate(Model):
    """A new checkout."""

    products: Annotated[list[CheckoutProduct], Field(min_length=1, max_length=50)]
    success_url: WebAddress
    customer_id: Text | None = None
    external_customer_id: Text | None = None
    cancel_url: WebAddress | None = None
    expires_at: Time | None = None
    metadata: Metadata | None = None
    collect_address: bool = True
    collect_phone: bool = False
    single_use: bool = True
    currency: Currency | None = None
    custom_cards: Annotated[list[CheckoutCustomCard], Field(max_length=20)] | None = None

    @model_validator(mode="after")
    def _one_customer(self) -> "CheckoutCreate":
        if self.customer_id is not None and self.external_customer_id is not None:
            raise ValueError("customerId or externalCustomerId, not both")
        return self


class Checkout(Model):
    """A link to buy by."""

    id: str
    url: str
    status: CheckoutStatus
    products: list[CheckoutProduct]
    customer_id: str | None = None
    external_customer_id: str | None = None
    success_url: str
    cancel_url: str | None = None
    expires_at: Time
    metadata: Metadata | None = None
    collect_address: bool
    collect_phone: bool
    single_use: bool
    allowed_currencies: list[str]
    custom_cards: list[CheckoutCustomCard] | None = None
    created_at: Time
    updated_at: Time


class PlanRef(Model):
    """A plan by its names."""

    id: str
    name: str | None = None
    external_id: str | None = None


class SelectedProduct(Model):
    """What was bought."""

    id: str
    plan: PlanRef | None = None


class CheckoutDetails(Checkout):
    """With what came of it. awaiting_confirmation: the buyer has ordered, and the payment is to be confirmed."""

    order_id: str | None = None
    selected_product: SelectedProduct | None = None
    awaiting_confirmation: bool | None = None


class CheckoutConfirm(Model):
    """That a payment came. reference: the bank's or the operator's own name of it."""

    reference: Text | None = None
