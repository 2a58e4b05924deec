"""When a message that was not delivered is tried again: exponential backoff with full jitter, for three days."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

FIRST_SECONDS: Final = 10.0
LONGEST_SECONDS: Final = 4 * 3600.0
GIVE_UP: Final = timedelta(days=3)
"""From the first attempt to the last one."""


def next_attempt(
    attempts: int, first_attempt_at: datetime, now: datetime, uniform: Callable[[float, float], float] = random.uniform
) -> datetime | None:
    """The moment of the next attempt after `attempts` that failed; None when it is over."""
    last = first_attempt_at + GIVE_UP
    if now >= last:
        return None
    ceiling = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(attempts - 1, 32))
    return min(last, now + timedelta(seconds=uniform(0, ceiling)))
