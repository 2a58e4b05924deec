"""Bodies of keys and of the audit log."""

from typing import Any

from pydantic import Field

from billing.api.model import Model, Text, Time
from billing.keys.store import EVERYDAY, Scope


class KeyCreate(Model):
    """A new key."""

    name: Text
    scopes: list[Scope] = Field(default=list(EVERYDAY), min_length=1)
    expires_at: Time | None = None


class Key(Model):
    """A key without what opens the door. hint: its last four characters."""

    id: str
    name: str
    hint: str
    scopes: list[Scope]
    created_at: Time
    expires_at: Time | None = None
    revoked_at: Time | None = None


class CreatedKey(Key):
    """A new key; `key` is shown this once."""

    key: str


class KeyList(Model):
    """All keys."""

    data: list[Key]


class AuditEntry(Model):
    """Who changed what, and how."""

    id: int
    recorded_at: Time
    actor: str
    action: str
    object_type: str
    object_id: str
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
