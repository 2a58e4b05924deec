"""The organization's signing secrets: one that is new, and for a day those that it took the place of."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from billing.ids import new_id
from billing.tables.webhooks import WebhookSecret
from billing.webhooks.signing import new_secret

OVERLAP: Final = timedelta(hours=24)
"""How long a secret still signs after it was replaced."""


def is_configured(session: Session) -> bool:
    """Whether there has ever been a secret."""
    return session.scalar(select(WebhookSecret.id).limit(1)) is not None


def current_secrets(session: Session, now: datetime) -> list[str]:
    """Those that sign now: at most two, the newest first."""
    valid = or_(WebhookSecret.expires_at.is_(None), WebhookSecret.expires_at > now)
    query = select(WebhookSecret.secret).where(valid).order_by(WebhookSecret.number.desc()).limit(2)
    return list(session.scalars(query))


def rotate(session: Session, now: datetime) -> str:
    """A new secret; the one before it signs for OVERLAP more. Returned this once."""
    newest = session.scalar(select(WebhookSecret).order_by(WebhookSecret.number.desc()).limit(1))
    if newest is not None:
        newest.expires_at = now + OVERLAP
    secret = new_secret()
    number = 1 if newest is None else newest.number + 1
    session.add(WebhookSecret(id=new_id("whs"), number=number, secret=secret, created_at=now, expires_at=None))
    session.flush()
    return secret
