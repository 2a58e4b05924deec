"""Value metrics: written into the manifest as a new version of it, and read from the one in force."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from analytics.value_fields import slug as slug_of
from analytics.value_model import ValueModelError
from billing.api.errors import conflict, invalid, not_found
from billing.api.schemas.value_metrics import (
    MetricCreate,
    MetricDetail,
    MetricSummary,
    MetricUpdate,
    WriteAck,
)
from billing.api.schemas.value_models import stored
from billing.tables.value import ValueModelVersion
from billing.value import manifest
from billing.value.feed import groups_of
from billing.value.store import active, expect, publish


def create(session: Session, body: MetricCreate, now: datetime) -> WriteAck:
    """A new metric. Raises the API's errors."""
    current = active(session)
    expect(current, body.expected_active_version)
    content = manifest.empty() if current is None else current.content
    slug = body.slug or _slug(body.name)
    if manifest.value_type(content, slug) is not None:
        raise conflict(f"slug: {slug!r} is taken")
    said = {**stored(body), "unit": body.unit.kept()}
    return _publish(session, manifest.with_metric(content, slug, said), slug, current, now)


def update(session: Session, slug: str, body: MetricUpdate, now: datetime) -> WriteAck:
    """A metric changed by the fields that were sent."""
    current = _active(session, slug)
    expect(current, body.expected_active_version)
    said: dict[str, Any] = {**dict.fromkeys(_sent(body)), **stored(body)}
    if body.unit is not None:
        said["unit"] = body.unit.kept()
    try:
        content = manifest.with_changes(current.content, slug, said)
    except ValueModelError as error:
        raise invalid(str(error)) from None
    return _publish(session, content, slug, current, now)


def archive(session: Session, slug: str, expected: int | None, now: datetime) -> WriteAck:
    """A metric that counts for no event from now on; an archived one stays as it is."""
    current = _active(session, slug)
    expect(current, expected)
    known = manifest.value_type(current.content, slug)
    assert known is not None
    if known.get("archivedAt") is not None:
        return WriteAck(slug=slug, name=known["name"], version=current.version)
    said = {"archivedAt": now.isoformat().replace("+00:00", "Z")}
    return _publish(session, manifest.with_changes(current.content, slug, said), slug, current, now)


def summary(content: manifest.Content, slug: str) -> MetricSummary:
    """A metric as lists show it."""
    return MetricSummary.model_validate(_shown(content, slug))


def detail(content: manifest.Content, slug: str) -> MetricDetail:
    """A metric as it is shown by itself. Raises the API's 404."""
    found = manifest.metric(content, slug)
    if found is None:
        raise not_found("value metric", slug)
    signals = [
        {**each, "defaults": {name: value for name, value in (each.get("defaults") or {}).items() if _is_number(value)}}
        for each in found.signals
    ]
    return MetricDetail.model_validate({**_shown(content, slug), "formula": found.formula, "signals": signals})


def _shown(content: manifest.Content, slug: str) -> dict[str, Any]:
    found = manifest.metric(content, slug)
    assert found is not None
    unit = dict(found.calculation["unit"])
    unit["unitDisplay"] = unit.pop("unit_display", None)
    conversion = manifest.conversion_of(found.calculation)
    return {**found.value_type, "unit": unit, "monetaryConversion": conversion}


def _publish(
    session: Session, content: manifest.Content, slug: str, current: ValueModelVersion | None, now: datetime
) -> WriteAck:
    try:
        manifest.check(content, groups_of(session, content))
    except ValueModelError as error:
        raise invalid(str(error)) from None
    since, until = (None, None) if current is None else (current.effective_from, current.effective_to)
    version = publish(session, content, now, since, until).version
    found = manifest.value_type(content, slug)
    assert found is not None
    return WriteAck(slug=slug, name=found["name"], version=version)


def _active(session: Session, slug: str) -> ValueModelVersion:
    current = active(session)
    if current is None or manifest.value_type(current.content, slug) is None:
        raise not_found("value metric", slug)
    return current


def _sent(body: MetricUpdate) -> list[str]:
    fields = MetricUpdate.model_fields
    return [str(fields[name].alias or name) for name in body.model_fields_set if name != "expected_active_version"]


def _slug(name: str) -> str:
    try:
        return slug_of(name)[:100].strip("_")
    except ValueError as error:
        raise invalid(f"name: {error}; give a slug") from None


def _is_number(value: object) -> bool:
    return not isinstance(value, bool | str)
