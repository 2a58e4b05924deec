"""The time of day, from one place, so that tests and replays can say what time it is."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives the present moment, in UTC."""


def utc_now() -> datetime:
    """The present moment in UTC, to the microsecond."""
    return datetime.now(UTC)
