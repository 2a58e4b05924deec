"""Bodies of value receipts."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from billing.api.model import Model, Text, Time
from billing.units import Number

Name = Annotated[Text, Field(max_length=255)]


class ReceiptProduct(Model):
    """Of one product only. currency: USD, which is what value is counted in."""

    product_id: Name
    currency: str | None = None

    @model_validator(mode="after")
    def _in_dollars(self) -> "ReceiptProduct":
        if self.currency is not None and self.currency.upper() != "USD":
            raise ValueError("delivered value is counted in USD; currency must be USD")
        return self


class ReceiptRequest(Model):
    """Whose receipt of which time: [startDate, endDate)."""

    customer_id: Name | None = None
    external_customer_id: Name | None = None
    start_date: Time
    end_date: Time
    product: ReceiptProduct | None = None
    order_id: Name | None = None

    @model_validator(mode="after")
    def _one_of_each(self) -> "ReceiptRequest":
        if (self.customer_id is None) == (self.external_customer_id is None):
            raise ValueError("give either customerId or externalCustomerId")
        if self.product is not None and self.order_id is not None:
            raise ValueError("give product or orderId, not both")
        return self


class ReceiptPublish(Model):
    """Until when it is shown; without end where that is left out."""

    publish_expires_at: Time | None = None


class ReceiptWritten(Model):
    """A receipt that was made or filled."""

    id: str
    status: str
    public_url_token: str
    public_url: str
    generated_at: Time | None = None


class ReceiptSummary(Model):
    """A receipt in a list. totalDeliveredValue: whole units of the currency."""

    id: str
    status: str
    public_url_token: str
    public_url: str
    is_published: bool
    customer_id: str | None = None
    customer_name: str | None = None
    customer_external_id: str | None = None
    order_id: str | None = None
    product_id: str | None = None
    currency: str
    start_date: Time | None = None
    end_date: Time | None = None
    total_delivered_value: Number | None = None
    archived_at: Time | None = None
    created_at: Time


class ReceiptMetric(Model):
    """What one metric comes to. amount, value: exact decimals as text; unknown: events that add nothing for it."""

    slug: str
    name: str
    category: str | None = None
    description: str | None = None
    unit: str
    unit_display: str | None = None
    events: int
    amount: str | None = None
    value: str | None = None
    unknown: int | None = None


class ReceiptDetail(ReceiptSummary):
    """A receipt. contentHash: SHA-256 over its content and whose it is."""

    published_at: Time | None = None
    publish_expires_at: Time | None = None
    allow_embed: bool
    generated_at: Time
    sealed_at: Time | None = None
    metrics: list[ReceiptMetric]
    content_hash: str


class ReceiptList(Model):
    """A part of a list, out of `total`."""

    data: list[ReceiptSummary]
    total: int


class PublicReceipt(Model):
    """What a customer is shown."""

    status: str
    customer_name: str | None = None
    currency: str
    start_date: Time
    end_date: Time
    generated_at: Time
    sealed_at: Time | None = None
    total_delivered_value: Number
    metrics: list[ReceiptMetric]
    content_hash: str


class SuccessResponse(Model):
    """Done."""

    success: bool = True


class EmbedSecretRotate(Model):
    """What tokens must say from now on. issuer: default `paid`; audience: asked for only where it is given."""

    issuer: Name = "paid"
    audience: Name | None = None


class EmbedSecretShown(Model):
    """The new secret, shown this once."""

    secret: str
    issuer: str
    audience: str | None = None


class EmbedTokenRequest(Model):
    """A token for one receipt (`resourceId`: its id or share token), for all of a customer's, or for both at once."""

    resource_id: Name | None = None
    customer_id: Name | None = None
    external_customer_id: Name | None = None
    ttl_seconds: int = Field(3600, ge=1, le=7 * 86_400)

    @model_validator(mode="after")
    def _of_something(self) -> "EmbedTokenRequest":
        if self.resource_id is None and self.customer_id is None and self.external_customer_id is None:
            raise ValueError("give resourceId, customerId or externalCustomerId")
        if self.customer_id is not None and self.external_customer_id is not None:
            raise ValueError("give customerId or externalCustomerId, not both")
        return self


class EmbedToken(Model):
    """A signed token, and when it ends."""

    token: str
    expires_at: Time


class Revoked(Model):
    """How many receipts have another share token now."""

    revoked: int


def shown_metrics(content: dict[str, Any]) -> list[ReceiptMetric]:
    """The metrics of a stored content."""
    return [ReceiptMetric.model_validate(each) for each in content["metrics"]]
