"""`/value-models`: the whole manifest, in versions."""

from typing import Annotated

from fastapi import Path
from sqlalchemy import select
from sqlalchemy.orm import Session

from analytics.value_model import ValueModelError
from billing.api.errors import ApiError, invalid, not_found
from billing.api.paging import Listed, Paged, listed
from billing.api.requests import Shared, router
from billing.api.schemas.value_models import (
    BackfillResponse,
    ValueModelDetail,
    ValueModelSummary,
    ValueModelUpdate,
    stored,
)
from billing.tables.value import ValueModelVersion
from billing.value import manifest
from billing.value.feed import groups_of, with_names
from billing.value.store import active, publish

routes = router("value models")


@routes.get("/value-models", response_model_exclude_none=True)
def get_current_value_model(billing: Shared) -> ValueModelDetail:
    """The version in force; 404 before there is one."""
    with billing.database.read() as session:
        return _detail(_active(session))


@routes.put("/value-models", response_model_exclude_none=True)
def update_value_model(billing: Shared, body: ValueModelUpdate) -> ValueModelDetail:
    """A new version; the one before is archived, and all events are valued again."""
    now = billing.clock()
    content = stored(body.content)

    def work(session: Session) -> ValueModelDetail:
        _check(session, content)
        return _detail(publish(session, content, now, body.effective_from, body.effective_to))

    return billing.database.write(work)


@routes.get("/value-models/versions", response_model_exclude_none=True)
def list_value_model_versions(billing: Shared, part: Paged) -> Listed[ValueModelSummary]:
    """All versions, the newest first."""
    query = select(ValueModelVersion).order_by(ValueModelVersion.version.desc())
    with billing.database.read() as session:
        return listed(session, query, part, _summary)


@routes.get("/value-models/versions/{version}", response_model_exclude_none=True)
def get_value_model_version(billing: Shared, version: Annotated[int, Path(ge=0, lt=2**63)]) -> ValueModelDetail:
    """One version."""
    with billing.database.read() as session:
        row = session.scalar(select(ValueModelVersion).where(ValueModelVersion.version == version))
        if row is None:
            raise not_found("value model version", str(version))
        return _detail(row)


@routes.post("/value-models/backfill", response_model_exclude_none=True)
def refresh_value_model_backfill(billing: Shared) -> BackfillResponse:
    """Value all events again by the version in force."""

    def work(session: Session) -> BackfillResponse:
        row = _active(session)
        row.backfills += 1
        return BackfillResponse(value_model_id=row.id, version=row.version)

    return billing.database.write(work)


def _active(session: Session) -> ValueModelVersion:
    row = active(session)
    if row is None:
        raise ApiError(404, "Not found", "there is no value model yet")
    return row


def _check(session: Session, content: manifest.Content) -> None:
    groups = groups_of(session, content)
    for override in content.get("overrides") or ():
        for group in override["scope"].get("customerGroupIds") or ():
            if group not in groups:
                place = f"content.overrides {override['id']}: scope: customerGroupIds"
                raise invalid(f"{place}: no customer group {group!r}")
    try:
        manifest.check(with_names(session, content), groups)
    except ValueModelError as error:
        raise invalid(str(error)) from None


def _detail(row: ValueModelVersion) -> ValueModelDetail:
    return ValueModelDetail(
        id=row.id, version=row.version, content=row.content, created_at=row.created_at, activated_at=row.created_at,
        effective_from=row.effective_from, effective_to=row.effective_to,
    )  # fmt: skip


def _summary(row: ValueModelVersion) -> ValueModelSummary:
    return ValueModelSummary.model_validate(
        {key: getattr(row, key) for key in ("id", "version", "status", "created_at", "archived_at",
                                            "effective_from", "effective_to")}
        | {"activated_at": row.created_at}
    )  # fmt: skip
