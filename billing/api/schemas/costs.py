"""Bodies of costs that are stated over REST: a figure, or usage that is to be priced."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from billing.api.model import Metadata, Model, Text, Time
from billing.units import Number

Amount = Annotated[Number, Field(gt=0, lt=10**6)]
"""Money in major units (dollars). A cost of nothing is none: leave it out."""

Currency = Annotated[Text, Field(pattern=r"^[A-Z]{3}$")]
Count = Annotated[int, Field(ge=0, lt=10**12)]


class CostCustomer(Model):
    """Who it is for: the caller's own id (preferred) or ours."""

    external_customer_id: Text | None = None
    customer_id: Text | None = None

    @property
    def known_as(self) -> str:
        """The id that names the customer everywhere else, spans included."""
        return self.external_customer_id or self.customer_id or ""

    @model_validator(mode="after")
    def _names_one(self) -> "CostCustomer":
        if not self.known_as:
            raise ValueError("needs externalCustomerId or customerId")
        return self


class CostProduct(Model):
    """What it is for."""

    external_product_id: Text | None = None
    product_id: Text | None = None

    @property
    def known_as(self) -> str | None:
        """The id that names the product everywhere else, spans included."""
        return self.external_product_id or self.product_id


class _Record(Model):
    timestamp: Time | None = None
    customer: CostCustomer
    product: CostProduct | None = None
    metadata: Metadata | None = None
    idempotency_key: str | None = Field(None, max_length=4096)


class CostOverride(Model):
    """A figure that goes before the price of the usage."""

    amount: Amount
    currency: Currency


class StatedCost(_Record):
    """A figure."""

    type: Literal["cost"]
    amount: Amount
    currency: Currency
    vendor: Text | None = None
    model: Text | None = None


class TokenUsage(Model):
    """Tokens of one call. input_tokens leaves out what was read from or written to a cache."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    reasoning_output_tokens: Count | None = None


class StatedUsage(_Record):
    """Usage, to be priced by the catalog unless it has a figure."""

    type: Literal["usage"]
    vendor: Text
    model: Text
    usage: TokenUsage
    cost_override: CostOverride | None = None


CostRecord = Annotated[StatedCost | StatedUsage, Field(discriminator="type")]


class CostsBody(Model):
    """All of them are taken, or none."""

    costs: Annotated[list[CostRecord], Field(max_length=10_000)]


class CostIngestResponse(Model):
    """How many were new, and how many had come before (by their key)."""

    ingested: int
    duplicates: int
