"""The base of all request and response bodies: camelCase in JSON, snake_case in Python, UTC times ending in Z."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, PlainSerializer, StringConstraints
from pydantic.alias_generators import to_camel

from billing.units import json_number

_DEEPEST: Final = 64
_WIDEST: Final = 300


class Model(BaseModel):
    """A body. Unknown fields are ignored, as clients may be newer than we are; fields that are None are left out."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", from_attributes=True)


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("must have a zone, like 2026-01-31T23:00:00Z")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("must be between the years 1 and 9999 in UTC") from None


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


Time = Annotated[datetime, AfterValidator(_utc), PlainSerializer(_rfc3339, return_type=str)]
"""A moment with a zone, kept and shown in UTC (milliseconds)."""

Text = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"^[^\x00]*$")]
"""Some text, never empty, without the NUL that no database keeps."""


def _keepable(content: Any, depth: int = 0) -> Any:
    if depth > _DEEPEST:
        raise ValueError(f"is nested more than {_DEEPEST} levels deep")
    if isinstance(content, dict):
        for key, value in content.items():
            _keepable(key, depth + 1)
            _keepable(value, depth + 1)
    elif isinstance(content, list):
        for value in content:
            _keepable(value, depth + 1)
    elif isinstance(content, str) and any("\ud800" <= character <= "\udfff" for character in content):
        raise ValueError("has half a character (a lone surrogate)")
    elif isinstance(content, Decimal) and (content.adjusted() > _WIDEST or content.as_tuple().exponent < -_WIDEST):  # type: ignore[operator]
        raise ValueError("has a number beyond what readers of JSON keep")
    elif isinstance(content, int) and not -(2**63) <= content < 2**64:
        raise ValueError("has a number of more than 64 bits")
    return content


def _numbers(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _numbers(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_numbers(value) for value in content]
    return json_number(content) if isinstance(content, Decimal) else content


Metadata = Annotated[
    dict[str, Any], AfterValidator(_keepable), PlainSerializer(_numbers, return_type=dict[str, Any], when_used="json")
]
"""Free content of the caller's own; comes back as it was sent, numbers as numbers."""


class EmptyResponse(Model):
    """Nothing more to say."""
