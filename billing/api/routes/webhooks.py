"""`/webhooks`: who is told what, and what could not be delivered."""

from typing import Annotated

from fastapi import Query
from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.api.errors import conflict, invalid, not_found
from billing.api.paging import Listed, Paged, listed
from billing.api.requests import Shared, router
from billing.api.schemas.webhooks import (
    Delivery,
    DeliveryState,
    RotatedSecret,
    Webhook,
    WebhookList,
    WebhookTested,
    WebhookUpdate,
    WebhookUpdated,
)
from billing.ids import new_id
from billing.tables.webhooks import WebhookEndpoint, WebhookMessage
from billing.webhooks.deliver import Sending, note_outcome, send
from billing.webhooks.emit import payload
from billing.webhooks.endpoints import check_name, set_up
from billing.webhooks.names import EVENTS
from billing.webhooks.secrets import current_secrets, is_configured, rotate

routes = router("webhooks")


@routes.get("/webhooks", response_model_exclude_none=True)
def list_webhooks(billing: Shared) -> WebhookList:
    """All events that can be told, each with where it goes."""
    with billing.database.read() as session:
        rows = {row.name: row for row in session.scalars(select(WebhookEndpoint))}
        shown = [_webhook(name, rows.get(name)) for name in EVENTS]
        return WebhookList(data=shown, signing_secret_configured=is_configured(session))


@routes.get("/webhooks/deliveries", response_model_exclude_none=True)
def list_webhook_deliveries(
    billing: Shared,
    part: Paged,
    status: Annotated[DeliveryState | None, Query()] = None,
    object_id: Annotated[str | None, Query(alias="objectId")] = None,
) -> Listed[Delivery]:
    """Messages, the newest first. Delivered ones are kept for 30 days, dead ones for good."""
    query = select(WebhookMessage).order_by(WebhookMessage.created_at.desc(), WebhookMessage.id)
    if status is not None:
        query = query.where(WebhookMessage.state == status)
    if object_id is not None:
        query = query.where(WebhookMessage.object_id == object_id)
    with billing.database.read() as session:
        return listed(session, query, part, _delivery)


@routes.post("/webhooks/deliveries/{message_id}/replay", response_model_exclude_none=True)
def replay_webhook_delivery(billing: Shared, message_id: str) -> Delivery:
    """Send a dead or delivered message again, with three more days to get there; 409 for one still under way."""
    now = billing.clock()

    def work(session: Session) -> Delivery:
        row = session.get(WebhookMessage, message_id, with_for_update=True)
        if row is None:
            raise not_found("webhook delivery", message_id)
        if row.state == "pending":
            raise conflict(f"{message_id} is still being delivered")
        row.state, row.attempts, row.first_attempt_at, row.next_attempt_at = "pending", 0, None, now
        session.flush()
        return _delivery(row)

    return billing.database.write(work)


@routes.post("/webhooks/rotate-secret", response_model_exclude_none=True)
def rotate_webhook_secret(billing: Shared) -> RotatedSecret:
    """A new signing secret. The old one signs beside it for 24 hours."""
    now = billing.clock()
    return RotatedSecret(signing_secret=billing.database.write(lambda session: rotate(session, now)))


@routes.patch("/webhooks/{webhook_name}", response_model_exclude_none=True)
def update_webhook(billing: Shared, webhook_name: str, body: WebhookUpdate) -> WebhookUpdated:
    """Set where an event's messages go. Turning it off keeps what waits until it is turned on again."""
    now = billing.clock()

    def work(session: Session) -> WebhookUpdated:
        check_name(webhook_name)
        row = session.get(WebhookEndpoint, webhook_name)
        known = None if row is None else row.url
        url = body.url if "url" in body.model_fields_set else known
        enabled = body.enabled if body.enabled is not None else row is not None and row.enabled and url is not None
        row = set_up(session, webhook_name, url, enabled, now, billing.webhooks)
        secret = rotate(session, now) if url is not None and not is_configured(session) else None
        return WebhookUpdated(**_webhook(webhook_name, row).model_dump(), signing_secret=secret)

    return billing.database.write(work)


@routes.post("/webhooks/{webhook_name}/test", response_model_exclude_none=True)
def test_webhook(billing: Shared, webhook_name: str) -> WebhookTested:
    """Send a test message now and say whether it arrived."""
    check_name(webhook_name)
    now = billing.clock()
    with billing.database.read() as session:
        row = session.get(WebhookEndpoint, webhook_name)
        secrets = tuple(current_secrets(session, now))
    if row is None or row.url is None or not secrets:
        raise invalid("url: set it before testing the webhook")
    text = payload(webhook_name, {EVENTS[webhook_name].key: {"id": "test"}}, now, test=True, version=0)
    answer = send(Sending(new_id("msg"), webhook_name, row.url, text.encode(), secrets), now, billing.webhooks)
    billing.database.write(lambda session: note_outcome(session, webhook_name, answer, now))
    return WebhookTested(success=answer.ok, error=answer.error)


def _webhook(name: str, row: WebhookEndpoint | None) -> Webhook:
    place = {} if row is None else {"url": row.url, "last_sent_at": row.last_sent_at, "last_status": row.last_status}
    return Webhook.model_validate(
        {
            "id": f"wh_{name.removeprefix('billing-')}",
            "name": name,
            "description": EVENTS[name].description,
            "enabled": row is not None and row.enabled,
            **place,
        }
    )


def _delivery(row: WebhookMessage) -> Delivery:
    return Delivery.model_validate(
        {
            "id": row.id, "event": row.name, "object_id": row.object_id, "version": row.version, "status": row.state,
            "attempts": row.attempts, "created_at": row.created_at,
            "next_attempt_at": row.next_attempt_at if row.state == "pending" else None,
            "last_attempt_at": row.last_attempt_at, "response_status": row.response_status,
            "response_body": row.response_body, "error": row.error,
        }
    )  # fmt: skip
