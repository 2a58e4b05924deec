"""The value model of the API as the lake takes it: customers and groups by the names that events carry."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from billing.value.manifest import Content
from billing.value.names import members_of_group, names_meant
from billing.value.store import active


@dataclass(frozen=True)
class Fed:
    """content: `model` and `groups` as `analytics.value_parse` reads them below `api`. backfills: how often everything
    was asked to be valued again.
    """

    content: Mapping[str, Any]
    effective_from: datetime | None
    effective_to: datetime | None
    backfills: int


def fed(session: Session) -> Fed | None:
    """What the lake is to go by at the moment; None where the API has no model."""
    version = active(session)
    if version is None:
        return None
    content = with_names(session, version.content)
    return Fed(
        {"model": content, "groups": groups_of(session, version.content)},
        version.effective_from,
        version.effective_to,
        version.backfills,
    )


def with_names(session: Session, content: Content) -> Content:
    """The manifest with every customer of an override by all names that it goes by."""
    overrides = content.get("overrides")
    if not overrides:
        return content
    return {**content, "overrides": [_named(session, each) for each in overrides]}


def groups_of(session: Session, content: Content) -> dict[str, list[str]]:
    """The members of the groups that the manifest names, those that there are."""
    wanted = {
        group for each in content.get("overrides") or () for group in (each["scope"].get("customerGroupIds") or ())
    }
    found = {group: members_of_group(session, group) for group in sorted(wanted)}
    return {group: members for group, members in found.items() if members is not None}


def _named(session: Session, override: Content) -> Content:
    customers = override["scope"].get("customerIds") or ()
    names = dict.fromkeys(name for customer in customers for name in names_meant(session, customer))
    return {**override, "scope": {**override["scope"], "customerIds": list(names)}} if names else override
