"""`/value-metrics`: what events deliver, a metric at a time."""

from typing import Annotated

from fastapi import Query
from sqlalchemy.orm import Session

from billing.api.errors import invalid
from billing.api.paging import Listed, Paged, of_part
from billing.api.requests import Shared, router
from billing.api.schemas.value_metrics import MetricCreate, MetricDetail, MetricSummary, MetricUpdate, WriteAck
from billing.value import manifest, metrics
from billing.value.events import is_known
from billing.value.store import active

routes = router("value metrics")


@routes.get("/value-metrics", response_model_exclude_none=True)
def list_value_metrics(
    billing: Shared, part: Paged, include_archived: Annotated[bool, Query(alias="includeArchived")] = False
) -> Listed[MetricSummary]:
    """The metrics of the active value model."""
    with billing.database.read() as session:
        current = active(session)
        content = manifest.empty() if current is None else current.content
    shown = [metrics.summary(content, slug) for slug in manifest.slugs(content)]
    kept = [each for each in shown if include_archived or each.archived_at is None]
    return of_part(kept[part.offset : part.offset + part.limit], len(kept), part)


@routes.post("/value-metrics", status_code=201, response_model_exclude_none=True)
def create_value_metric(billing: Shared, body: MetricCreate) -> WriteAck:
    """A new metric, and a new version of the value model with it; all events are valued by it."""
    now = billing.clock()
    with billing.database.read() as session:
        known = is_known(session, billing.lake, body.signal.event_name)
    if not known:
        event = body.signal.event_name
        raise invalid(f"signal.eventName: no event {event!r} has come yet, and no active product has a price for it")

    def work(session: Session) -> WriteAck:
        return metrics.create(session, body, now)

    return billing.database.write(work)


@routes.get("/value-metrics/{slug}", response_model_exclude_none=True)
def get_value_metric(billing: Shared, slug: str) -> MetricDetail:
    """A metric, archived or not."""
    with billing.database.read() as session:
        current = active(session)
        return metrics.detail(manifest.empty() if current is None else current.content, slug)


@routes.patch("/value-metrics/{slug}", response_model_exclude_none=True)
def update_value_metric(billing: Shared, slug: str, body: MetricUpdate) -> WriteAck:
    """Change a metric; a new version of the value model."""
    now = billing.clock()

    def work(session: Session) -> WriteAck:
        return metrics.update(session, slug, body, now)

    return billing.database.write(work)


@routes.delete("/value-metrics/{slug}", response_model_exclude_none=True)
def archive_value_metric(
    billing: Shared,
    slug: str,
    expected: Annotated[int | None, Query(alias="expectedActiveVersion", ge=0, lt=2**63)] = None,
) -> WriteAck:
    """Archive a metric: events from now on do not have it, earlier ones keep it."""
    now = billing.clock()

    def work(session: Session) -> WriteAck:
        return metrics.archive(session, slug, expected, now)

    return billing.database.write(work)
