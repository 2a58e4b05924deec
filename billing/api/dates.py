"""Moments in queries: an ISO 8601 date (a whole day in UTC) or a date-time (UTC where it has no zone)."""

from datetime import UTC, date, datetime, time
from typing import Final

from billing.api.errors import invalid

_DAY_ONLY: Final = 10


def at_or_after(text: str | None, field: str) -> datetime | None:
    """The first moment that `text` covers; None for None. Raises the API's 400, which names the field."""
    return _moment(text, field, time.min)


def at_or_before(text: str | None, field: str) -> datetime | None:
    """The last moment that `text` covers: the end of the day for a date. Raises the API's 400."""
    return _moment(text, field, time.max)


def _moment(text: str | None, field: str, of_day: time) -> datetime | None:
    if text is None:
        return None
    try:
        if len(text) == _DAY_ONLY:
            return datetime.combine(date.fromisoformat(text), of_day, UTC)
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise invalid(f"{field}: {text[:50]!r} is no ISO 8601 date or date-time") from None
