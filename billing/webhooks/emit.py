"""Telling that something happened: a row of the outbox, in the transaction of what happened."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from billing.columns import dump_json
from billing.ids import new_id
from billing.tables.webhooks import WebhookEndpoint, WebhookMessage, WebhookVersion
from billing.webhooks.names import EVENTS


def emit(session: Session, name: str, object_id: str, data: Mapping[str, Any], now: datetime) -> str | None:
    """Queue the message that `name` happened to an object; its id, or None where nobody wants to hear of it.

    data: the object as the API shows it (camelCase; decimals and moments as such). Messages about one object are
    delivered in the order in which they were emitted. Raises KeyError for a name that is no event.
    """
    event = EVENTS[name]
    endpoint = session.get(WebhookEndpoint, name)
    if endpoint is None or not endpoint.enabled or endpoint.url is None:
        return None
    message_id = new_id("msg")
    version = _next_version(session, object_id)
    session.add(
        WebhookMessage(
            id=message_id, name=name, object_id=object_id, version=version,
            body=payload(name, {event.key: dict(data)}, now, test=False, version=version), state="pending",
            created_at=now, attempts=0, next_attempt_at=now, claimed_until=None, first_attempt_at=None,
            last_attempt_at=None, response_status=None, response_body=None, error=None,
        )
    )  # fmt: skip
    return message_id


def payload(name: str, data: Mapping[str, Any], now: datetime, *, test: bool, version: int) -> str:
    """The text of a message. version: 1 for the first one about an object, and so on; 0 for tests."""
    moment = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return dump_json({"event": name, "timestamp": moment, "isTest": test, "version": version, "data": dict(data)})


def _next_version(session: Session, object_id: str) -> int:
    # Locked until the commit: two changes of one object get their numbers in the order in which they commit.
    row = session.get(WebhookVersion, object_id, with_for_update=True)
    if row is None:
        try:
            with session.begin_nested():
                session.add(WebhookVersion(object_id=object_id, version=1))
                session.flush()
            return 1
        except IntegrityError:  # another process told of it for the first time at the same moment
            row = session.get_one(WebhookVersion, object_id, with_for_update=True)
    row.version += 1
    return row.version
