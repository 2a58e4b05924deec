"""When a grant's credits can be spent, and how many: pure functions of its terms, its totals and a moment.

A grant can be spent from `starts_at` to the end of its period, and after that, if it rolls over, to the end of its
rollover window, in which no more can be spent than `rollover_micro`, or than was left when the period ended if that is
less. Moments are those of the signals: a signal that comes late draws on what was valid when it happened.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

PENDING: Final = "pending"
OPEN: Final = "open"
VOID: Final = "void"

PURCHASED: Final = "purchased"
PROMOTIONAL: Final = "promotional"

UNLIMITED: Final = 10**15
"""Micro-credits that an infinite grant has available, always: the most that one amount may be."""


def main_end(ends_at: datetime | None, expires_at: datetime | None) -> datetime | None:
    """The end of a grant's period; None when it has none."""
    if ends_at is None or expires_at is None:
        return ends_at or expires_at
    return min(ends_at, expires_at)


def last_end(
    ends_at: datetime | None,
    rollover_micro: int | None,
    rollover_ends_at: datetime | None,
    expires_at: datetime | None,
) -> datetime | None:
    """The moment from which nothing of a grant can be spent any more; None when there is no such moment."""
    end = main_end(ends_at, expires_at)
    if end is None or rollover_ends_at is None or not rollover_micro:
        return end
    return max(end, main_end(rollover_ends_at, expires_at) or end)


@dataclass(slots=True)
class Pool:
    """A grant and what became of it, while a transaction works on it."""

    id: str
    key: str
    wallet_id: str
    amount: int
    is_infinite: bool
    starts_at: datetime
    main_end: datetime | None
    last_end: datetime | None
    rollover: int
    origin: str
    priority: int
    order_id: str | None
    product_id: str | None
    seat: str | None
    overage_price: Decimal | None
    created_at: datetime
    status: str
    inside: int
    rolled: int
    overage: int
    void: int

    def is_valid(self, moment: datetime) -> bool:
        """Whether the moment is within the period or the rollover window."""
        return self.starts_at <= moment and (self.last_end is None or moment < self.last_end)

    def is_inside(self, moment: datetime) -> bool:
        """Whether a moment, at which it is valid, is within the period rather than the rollover window."""
        return self.main_end is None or moment < self.main_end

    def available(self, moment: datetime) -> int:
        """What can be spent at the moment."""
        if self.status != OPEN or not self.is_valid(moment):
            return 0
        if self.is_infinite:
            return UNLIMITED
        if self.is_inside(moment):
            return self.amount - self.inside - self.rolled
        return min(self.rollover, self.amount - self.inside) - self.rolled

    def spend(self, amount: int, moment: datetime) -> None:
        """Count an amount as spent at the moment; a negative one is given back."""
        if self.is_inside(moment):
            self.inside += amount
        else:
            self.rolled += amount
        if amount < 0 and self.status == VOID:
            self.void -= amount

    def moment(self, occurred_at: datetime) -> datetime:
        """When this grant pays for what occurred at a moment: not before it starts."""
        return max(occurred_at, self.starts_at)

    def serves(self, seat: str | None) -> bool:
        """Whether it pays for usage of a seat (None: of nobody in particular)."""
        return self.seat is None or self.seat == seat

    @property
    def order(self) -> tuple[bool, int, bool, datetime, bool, datetime, datetime, str]:
        """What is spent first sorts first: seats' own, priority, soonest end, promotional, earliest start, oldest."""
        return (
            self.seat is None, self.priority, self.last_end is None, self.last_end or self.starts_at,
            self.origin == PURCHASED, self.starts_at, self.created_at, self.key,
        )  # fmt: skip
