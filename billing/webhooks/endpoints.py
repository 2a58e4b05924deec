"""Where messages go, as callers set it up."""

from datetime import datetime

from sqlalchemy.orm import Session

from billing.api.errors import invalid, not_found
from billing.tables.webhooks import WebhookEndpoint
from billing.webhooks.addresses import AddressError, WebhookSettings, place_of
from billing.webhooks.names import EVENTS


def check_name(name: str) -> None:
    """Raises the API's 404 for a name that is no event."""
    if name not in EVENTS:
        raise not_found("webhook", name)


def set_up(
    session: Session, name: str, url: str | None, enabled: bool, now: datetime, settings: WebhookSettings
) -> WebhookEndpoint:
    """Set where an event's messages go, and whether they do. Raises the API's 400 for an address that cannot be."""
    check_name(name)
    if url is not None:
        try:
            place_of(url, settings)
        except AddressError as error:
            raise invalid(f"url: {error}") from None
    if enabled and url is None:
        raise invalid("url: needed before a webhook can be enabled")
    row = session.get(WebhookEndpoint, name)
    if row is None:
        row = WebhookEndpoint(name=name, last_sent_at=None, last_status=None, created_at=now)
        session.add(row)
    row.url, row.enabled, row.updated_at = url, enabled, now
    session.flush()
    return row
