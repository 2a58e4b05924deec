"""How money is taken: one small interface, and the one that needs nobody else: the operator confirms by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol, runtime_checkable

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

    @property
    def pays_at(self) -> str | None:
        """The address that its own pages are at; None where it has none."""
        ...

    def start(self, purchase: Purchase) -> Started:
        """Begin to take the money of a purchase. The same purchase again gives the same payment."""
        ...

    def paid(self, session_id: str) -> Paid | None:
        """The money that came by a payment that was begun; None as long as it did not."""
        ...


class ForgedNoticeError(Exception):
    """A notice that is not the provider's."""


@dataclass(frozen=True)
class Notice:
    """What a provider tells: a payment came (`paid`), will not come (`lost`), or a customer has a way to pay (`kept`).

    session_id, checkout_id: of the payment that was begun; customer: the provider's name of it.
    """

    kind: Literal["paid", "lost", "kept"]
    session_id: str | None = None
    checkout_id: str | None = None
    paid: Paid | None = None
    customer: str | None = None
    method: dict[str, Any] | None = None


@runtime_checkable
class SendsNotices(Protocol):
    """A provider that calls us when something happens."""

    def read_notice(self, body: bytes, headers: Mapping[str, str]) -> Notice | None:
        """What a request says; None for what does not concern us. Raises ForgedNoticeError, ProviderError."""
        ...


@dataclass(frozen=True)
class Kept:
    """A way to pay on its way. customer: what the provider calls the customer; method: `id`, `type`, maybe `card`."""

    setup_id: str
    status: str
    customer: str
    client_secret: str | None = field(default=None, repr=False)
    method: dict[str, Any] | None = None


@runtime_checkable
class KeepsMethods(Protocol):
    """A provider that keeps ways to pay. Methods may block; raise ProviderError."""

    def keep(
        self,
        customer_id: str,
        known_as: str | None,
        name: str,
        email: str | None,
        token: str,
        return_url: str | None,
        metadata: dict[str, str],
    ) -> Kept:
        """Keep what a buyer entered at the provider, for a customer that it knows by a name or is to know."""
        ...

    def forget(self, method_id: str) -> None:
        """Forget a way to pay."""
        ...


class Manual:
    """The buyer orders; the operator sees the money come in and confirms it."""

    name = MANUAL
    pays_at = None

    def start(self, purchase: Purchase) -> Started:
        """Nothing to begin."""
        del purchase
        return Started(None, None)

    def paid(self, session_id: str) -> None:
        """Nobody to ask."""
        del session_id
