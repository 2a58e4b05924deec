"""Bodies of customer portals and payment methods."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from billing.api.model import Model, Text, Time
from billing.api.schemas.checkouts import WebAddress


class _OfCustomer(Model):
    customer_id: Text | None = None
    external_customer_id: Text | None = None

    @model_validator(mode="after")
    def _one_customer(self) -> "_OfCustomer":
        if (self.customer_id is None) == (self.external_customer_id is None):
            raise ValueError("customerId or externalCustomerId is needed, and not both")
        return self


class CustomerPortalCreate(_OfCustomer):
    """A new link to a customer's portal."""

    return_url: WebAddress | None = None
    expires_at: Time | None = None


class CustomerPortal(Model):
    """A link to a customer's portal."""

    id: str
    customer_id: str
    url: str
    status: Literal["active", "expired"]
    return_url: str | None = None
    expires_at: Time
    created_at: Time


class PaymentMethodCreate(_OfCustomer):
    """A way to pay that the buyer entered at the provider. confirmation_token: the provider's word for it."""

    confirmation_token: Text
    return_url: WebAddress | None = None
    metadata: Annotated[
        dict[
            Annotated[str, StringConstraints(max_length=40)],
            Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")],
        ],
        Field(max_length=50),
    ] = Field(default_factory=dict)


class SetupIntent(Model):
    """How far the provider is with it. client_secret: for a step that the buyer still has to take."""

    id: str
    client_secret: str | None = None
    status: str


class PaymentMethodSetup(Model):
    """A way to pay on its way to a customer."""

    setup_intent: SetupIntent
    external_payment_method_id: str | None = None
    customer_id: str


class PaymentMethodCard(Model):
    """What a card looks like."""

    brand: str
    last4: str
    exp_month: int
    exp_year: int


class PaymentMethod(Model):
    """A way to pay."""

    id: str
    customer_id: str
    external_payment_method_id: str
    type: str
    is_default: bool
    card: PaymentMethodCard | None = None
    created_at: Time
