"""Bodies of webhooks."""

from typing import Literal

from billing.api.model import Model, Text, Time

DeliveryState = Literal["pending", "delivered", "dead"]


class WebhookUpdate(Model):
    """What may change. url null: none any more."""

    enabled: bool | None = None
    url: Text | None = None


class Webhook(Model):
    """An event, and where its messages go."""

    id: str
    name: str
    description: str
    enabled: bool
    url: str | None = None
    last_sent_at: Time | None = None
    last_status: Literal["success", "failed"] | None = None


class WebhookUpdated(Webhook):
    """The webhook; with the signing secret, this once, when there was none before."""

    signing_secret: str | None = None


class WebhookList(Model):
    """All events."""

    data: list[Webhook]
    signing_secret_configured: bool


class WebhookTested(Model):
    """Whether the receiver answered with a 2xx. error: why not."""

    success: bool
    error: str | None = None


class RotatedSecret(Model):
    """The new secret; shown this once."""

    signing_secret: str


class Delivery(Model):
    """A message of the outbox."""

    id: str
    event: str
    object_id: str
    version: int
    status: DeliveryState
    attempts: int
    created_at: Time
    next_attempt_at: Time | None = None
    last_attempt_at: Time | None = None
    response_status: int | None = None
    response_body: str | None = None
    error: str | None = None
