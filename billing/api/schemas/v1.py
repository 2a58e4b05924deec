"""Bodies of the first API (snake_case), and what they are in the second."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from billing.api.model import Model

Name = Annotated[str, Field(max_length=4096, pattern=r"^[^\x00]*$")]


class _Sent(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    event_name: Annotated[str, Field(min_length=1)]
    data: dict[str, Any] | None = None
    idempotency_key: str | None = None
    external_customer_id: str | None = None
    customer_id: str | None = None


class OldSignal(_Sent):
    """A signal as the oldest clients send it. `customer_id` is the caller's own id; an agent is a product."""

    internal_customer_id: str | None = None
    external_agent_id: str | None = None
    agent_id: str | None = None

    def now(self) -> dict[str, Any]:
        """The signal of the second API."""
        external = self.external_customer_id or self.customer_id
        return _signal(self, external, self.internal_customer_id, self.external_agent_id, self.agent_id)


class OldSignalV2(_Sent):
    """A signal of `usage/v2`: ids are ours unless they say that they are external."""

    external_product_id: str | None = None
    product_id: str | None = None

    def now(self) -> dict[str, Any]:
        """The signal of the second API."""
        return _signal(self, self.external_customer_id, self.customer_id, self.external_product_id, self.product_id)


class OldSignals(BaseModel):
    """The body of `usage/signals/bulk`."""

    signals: list[OldSignal]


class OldSignalsV2(BaseModel):
    """The body of `usage/v2/signals/bulk`."""

    signals: list[OldSignalV2]


class CheckUsage(Model):
    """Who wants to use what."""

    external_customer_id: Name
    external_product_id: Name


def _signal(
    sent: _Sent, external_customer: str | None, customer: str | None, external_product: str | None, product: str | None
) -> dict[str, Any]:
    attribution = _present(externalProductId=external_product, productId=product)
    return {
        "eventName": sent.event_name,
        "customer": _present(externalCustomerId=external_customer, customerId=customer),
        **({"attribution": attribution} if attribution else {}),
        **({"data": sent.data} if sent.data is not None else {}),
        **_present(idempotencyKey=sent.idempotency_key),
    }


def _present(**ids: str | None) -> dict[str, str]:
    return {key: value for key, value in ids.items() if value}
