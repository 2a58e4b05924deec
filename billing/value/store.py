"""The versions of the value model in the business database."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from billing.api.errors import conflict
from billing.ids import new_id
from billing.tables.value import ValueModelVersion
from billing.value.manifest import Content


def active(session: Session) -> ValueModelVersion | None:
    """The version in force."""
    return session.scalar(select(ValueModelVersion).where(ValueModelVersion.status == "active"))


def expect(current: ValueModelVersion | None, version: int | None) -> None:
    """Raises the API's 409 when another version than the expected one is in force; None expects nothing."""
    found = 0 if current is None else current.version
    if version is not None and version != found:
        raise conflict(f"expectedActiveVersion: {version}, but version {found} is active")


def publish(
    session: Session,
    content: Content,
    now: datetime,
    effective_from: datetime | None = None,
    effective_to: datetime | None = None,
) -> ValueModelVersion:
    """A new version that is in force from now on; the one before is archived."""
    before = active(session)
    if before is not None:
        before.status, before.archived_at = "archived", now
    newest = session.scalar(select(func.max(ValueModelVersion.version))) or 0
    row = ValueModelVersion(
        id=new_id("vm"), version=newest + 1, status="active", content=content, effective_from=effective_from,
        effective_to=effective_to, backfills=0, created_at=now, archived_at=None,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row
