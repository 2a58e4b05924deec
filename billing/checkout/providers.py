"""How money is taken: one small interface, and the one that needs nobody else: the operator confirms by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

MANUAL: Final = "manual"


class ProviderError(Exception):
    """The provider cannot be asked, or said no; one line that may be shown to the buyer."""


@dataclass(frozen=True)
class Purchase:
    """What is to be paid. amount: minor units; items: text and amount of what it is made of, for show.

    return_url: where the provider sends the buyer afterwards; back_url: where when they change their mind.
    """

    checkout_id: str
    attempt: str
    amount: int
    currency: str
    items: Sequence[tuple[str, int]]
    email: str | None
    return_url: str
    back_url: str
    provider_customer: str | None = None


@dataclass(frozen=True)
class Started:
    """A payment that was begun. url: where the buyer pays; None where there is nowhere to go."""

    session_id: str | None
    url: str | None


@dataclass(frozen=True)
class Paid:
    """Money that came. key: the provider's own name of the payment; customer, method: the provider's names of both."""

    key: str
    amount: int
    currency: str
    payment_type: str
    customer: str | None = None
    method: dict[str, Any] | None = None


class PaymentProvider(Protocol):
    """Somebody who takes money. Methods may block; raise ProviderError."""

    @property
    def name(self) -> str:
        """Its name, as columns keep it."""
        ...

    def start(self, purchase: Purchase) -> Started:
        """Begin to take the money of a purchase. The same purchase again gives the same payment."""
        ...

    def paid(self, session_id: str) -> Paid | None:
        """The money that came by a payment that was begun; None as long as it did not."""
        ...


class Manual:
    """The buyer orders; the operator sees the money come in and confirms it."""

    name = MANUAL

    def start(self, purchase: Purchase) -> Started:
        """Nothing to begin."""
        del purchase
        return Started(None, None)

    def paid(self, session_id: str) -> None:
        """Nobody to ask."""
        del session_id
