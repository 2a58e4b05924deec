"""The base of all request and response bodies: camelCase in JSON, snake_case in Python, UTC times ending in Z."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, PlainSerializer, StringConstraints
from pydantic.alias_generators import to_camel


class Model(BaseModel):
    """A body. Unknown fields are ignored, as clients may be newer than we are; fields that are None are left out."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", from_attributes=True)


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("must have a zone, like 2026-01-31T23:00:00Z")
    return moment.astimezone(UTC)


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


Time = Annotated[datetime, AfterValidator(_utc), PlainSerializer(_rfc3339, return_type=str)]
"""A moment with a zone, kept and shown in UTC (milliseconds)."""

Text = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"^[^\x00]*$")]
"""Some text, never empty, without the NUL that no database keeps."""

Metadata = dict[str, Any]
"""Free content of the caller's own."""


class EmptyResponse(Model):
    """Nothing more to say."""
