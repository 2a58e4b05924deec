"""Every write of the business, recorded where it happens: who changed what, from what to what.

The rows are made by the session itself at each flush, so that no handler can forget them. The ledger and the outbox
are append-only records of their own and are not repeated here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Final

from sqlalchemy import inspect
from sqlalchemy.orm import Session, UOWTransaction

from billing.clock import utc_now
from billing.tables.audit import AuditEntry
from billing.tables.base import Base

SYSTEM: Final = "system"
"""The actor where no key is behind a change: timers, replays, payment providers."""

_actor: ContextVar[str] = ContextVar("billing_actor", default=SYSTEM)


@contextmanager
def acting_as(actor: str) -> Iterator[None]:
    """Changes within are recorded as this actor's."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)


def actor() -> str:
    """Who acts at the moment."""
    return _actor.get()


def record(session: Session, context: UOWTransaction, instances: object) -> None:
    """Listens to the flushes of a session and adds the entries of what they change."""
    del context, instances
    entries = [
        *(_entry("create", row, None, _all(row)) for row in session.new if _audited(row)),
        *(_entry("update", row, *change) for row in session.dirty if _audited(row) and (change := _change(row))),
        *(_entry("delete", row, _all(row), None) for row in session.deleted if _audited(row)),
    ]
    session.add_all(entries)


def _audited(row: object) -> bool:
    return isinstance(row, Base) and not getattr(row, "__unaudited__", False)


def _entry(action: str, row: Any, before: dict[str, Any] | None, after: dict[str, Any] | None) -> AuditEntry:
    key = "/".join(str(getattr(row, column.key)) for column in inspect(type(row)).primary_key)
    return AuditEntry(
        recorded_at=utc_now(), actor=_actor.get(), action=action, object_type=row.__tablename__, object_id=key,
        before=before, after=after,
    )  # fmt: skip


def _all(row: Any) -> dict[str, Any]:
    return {column.key: _plain(row, column.key) for column in inspect(row).mapper.column_attrs}


def _change(row: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
    state = inspect(row)
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for column in state.mapper.column_attrs:
        history = state.attrs[column.key].history
        if history.has_changes():
            before[column.key] = _shown(row, column.key, history.deleted[0] if history.deleted else None)
            after[column.key] = _plain(row, column.key)
    after_stamps = set(after) - {"updated_at"}
    return (before, after) if after_stamps else None


def _plain(row: Any, key: str) -> Any:
    return _shown(row, key, getattr(row, key))


def _shown(row: Any, key: str, value: Any) -> Any:
    if key in getattr(row, "__secret__", ()):
        return None if value is None else "(secret)"
    return value.isoformat() if isinstance(value, datetime) else value
