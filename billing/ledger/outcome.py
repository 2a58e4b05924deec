"""What a signal burns, and what came of burning it."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from billing.ledger.terms import UNLIMITED

LARGEST_DEBIT: Final = UNLIMITED
"""Micro-credits that one debit may be."""


@dataclass(slots=True, kw_only=True)
class Debit:
    """What a signal burns. Raises ValueError for an amount below 0 or above LARGEST_DEBIT.

    part: which of several prices of the signal this is (without slashes); each is debited by itself. An amount of 0
    is how a signal comes to burn nothing any more.
    """

    signal_id: str
    customer_id: str
    currency_id: str
    amount_micro: int
    occurred_at: datetime
    event_name: str | None = None
    product_id: str | None = None
    order_id: str | None = None
    seat_user_id: str | None = None
    customer_unit_id: str | None = None
    part: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.amount_micro <= LARGEST_DEBIT:
            raise ValueError(f"a debit of {self.amount_micro} micro-credits: must be from 0 to {LARGEST_DEBIT}")
        if "/" in self.part:
            raise ValueError(f"part {self.part!r}: must be without slashes")

    @property
    def content(self) -> tuple[Any, ...]:
        """What makes two debits of a signal the same, in the order of `_CONTENT`."""
        return (
            self.customer_id, self.currency_id, self.amount_micro, self.occurred_at, self.event_name,
            self.product_id, self.order_id, self.seat_user_id, self.customer_unit_id,
        )  # fmt: skip


@dataclass(frozen=True)
class Depleted:
    """A wallet of which nothing is available any more."""

    customer_id: str
    currency_id: str


@dataclass(frozen=True)
class Overage:
    """The first usage beyond a grant's credits, at a price."""

    customer_id: str
    currency_id: str
    grant_id: str
    order_id: str | None
    product_id: str | None
    amount_micro: int
    unit_price: Decimal


@dataclass
class DebitOutcome:
    """applied: debits that are new; duplicates: known ones; changed: known ones whose content was another.

    spent, overage, unfunded: micro-credits of the applied and changed ones, by what bears them. depleted, overages:
    what just happened for the first time (`Overage`: of a grant). done: the debits behind applied and changed.
    """

    applied: int = 0
    duplicates: int = 0
    changed: int = 0
    spent: int = 0
    overage: int = 0
    unfunded: int = 0
    depleted: list[Depleted] = field(default_factory=list)
    overages: list[Overage] = field(default_factory=list)
    done: list[Debit] = field(default_factory=list)
