"""Keys in the database: made once, shown once, revoked for good."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal, get_args

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.ids import new_id
from billing.tables.keys import ApiKey

Scope = Literal["ingest", "read", "write", "admin"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)

EVERYDAY: Final[tuple[Scope, ...]] = ("ingest", "read", "write")
"""What the SDKs need, and what a key can do unless it is told otherwise."""

PREFIX: Final = "mlk_"
_RANDOM_BYTES: Final = 32
_HINT: Final = 4


def digest_of(token: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(token.encode()).hexdigest()


def create_key(
    session: Session, name: str, scopes: Sequence[Scope], now: datetime, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """A new key and the text that opens the door; the text is nowhere else."""
    token = PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
    row = ApiKey(
        id=new_id("key"), name=name, digest=digest_of(token), hint=token[-_HINT:],
        scopes=[scope for scope in SCOPES if scope in scopes], created_at=now, expires_at=expires_at, revoked_at=None,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row, token


def list_keys(session: Session) -> Sequence[ApiKey]:
    """All keys ever made, the newest first."""
    return session.scalars(select(ApiKey).order_by(ApiKey.created_at.desc(), ApiKey.id)).all()


def revoke_key(session: Session, key_id: str, now: datetime) -> ApiKey | None:
    """End a key; None when there is none of this id. One that is revoked already stays as it is."""
    row = session.get(ApiKey, key_id)
    if row is not None and row.revoked_at is None:
        row.revoked_at = now
        session.flush()
    return row


def key_of(session: Session, token: str) -> ApiKey | None:
    """The key that a text is, revoked or not."""
    return session.scalar(select(ApiKey).where(ApiKey.digest == digest_of(token)))
