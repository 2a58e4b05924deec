"""What is sent to Xero, in our words; whoever speaks to Xero takes these and gives its ids back."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final, Literal, Protocol

DEFAULT_ACCOUNT: Final = "200"
"""Sales, in the chart of accounts that Xero begins with."""

ZERO_TAX: Final = "NONE"


class XeroError(Exception):
    """Xero did not take it; one line that says why."""


@dataclass(frozen=True)
class XeroSettings:
    """How our things are called in Xero's books.

    accounts: account codes by product id; tax_types: Xero's tax types by our tax codes (a code that is not there lets
    Xero apply the rate of the account); payment_account: the bank account that payments are on (None: none are sent).
    """

    default_account: str = DEFAULT_ACCOUNT
    accounts: Mapping[str, str] = field(default_factory=dict)
    zero_tax_type: str = ZERO_TAX
    tax_types: Mapping[str, str] = field(default_factory=dict)
    payment_account: str | None = None


@dataclass(frozen=True)
class ContactSent:
    """A customer. number: our id of it."""

    number: str
    name: str
    email: str | None
    phone: str | None
    tax_number: str | None
    address: Mapping[str, str]

    @property
    def digest(self) -> str:
        """The same for the same content."""
        return hashlib.sha256(repr(self).encode()).hexdigest()


@dataclass(frozen=True)
class LineSent:
    """A line. amount: major units, before taxes. tax_type: None lets Xero apply the account's rate."""

    description: str
    amount: Decimal
    account: str
    tax_type: str | None


@dataclass(frozen=True)
class InvoiceSent:
    """An invoice, `ACCREC` in Xero. number: as people see it, unique there; reference: our id of it."""

    number: str
    reference: str
    contact_id: str
    issued: date
    due: date
    currency: str
    lines: Sequence[LineSent]

    @property
    def digest(self) -> str:
        """The same for the same content."""
        return hashlib.sha256(repr(self).encode()).hexdigest()


@dataclass(frozen=True)
class PaymentSent:
    """A payment of an invoice. reference: our id of it; key: the same for the same part of the same payment."""

    key: str
    reference: str
    invoice_id: str
    account: str
    paid_on: date
    amount: Decimal


class XeroClient(Protocol):
    """Speaks to one Xero organisation. Each method may be called again with the same. Raises XeroError."""

    def contact(self, sent: ContactSent, contact_id: str | None) -> str:
        """Make or update a contact; Xero's id of it."""
        ...

    def invoice(self, sent: InvoiceSent) -> str:
        """Make or update an authorised invoice; Xero's id of it."""
        ...

    def void(self, invoice_id: str) -> None:
        """Void an invoice; fine when it is void already."""
        ...

    def payment(self, sent: PaymentSent) -> str:
        """Record a payment; Xero's id of it."""
        ...


Status = Literal["AUTHORISED", "VOIDED"]
