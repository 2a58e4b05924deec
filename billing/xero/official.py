"""Xero through its own client library. Needs the extra `xero`."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from urllib3.exceptions import HTTPError
from xero_python.accounting import (
    Account,
    AccountingApi,
    Address,
    Contact,
    Contacts,
    CurrencyCode,
    Invoice,
    Invoices,
    LineAmountTypes,
    LineItem,
    Payment,
    Payments,
    Phone,
)
from xero_python.api_client import ApiClient
from xero_python.exceptions import ApiException, OAuth2Error

from billing.xero.sent import ContactSent, InvoiceSent, PaymentSent, XeroError

T = TypeVar("T")

_TIMEOUT: Final = 30
_MOST_TOLD: Final = 300
_PLACES: Final = 4
"""Decimals of a unit price that Xero keeps when it is asked to."""


class XeroAccounting:
    """One organisation of Xero. api_client: authorised with the scopes of invoices, payments and contacts."""

    def __init__(self, api_client: ApiClient, tenant_id: str) -> None:
        self._api = AccountingApi(api_client)
        self._tenant = tenant_id

    def contact(self, sent: ContactSent, contact_id: str | None) -> str:
        """Make or update a contact."""
        address = [Address(address_type="POBOX", **sent.address)] if sent.address else None
        phones = [Phone(phone_type="DEFAULT", phone_number=sent.phone)] if sent.phone else None
        body = Contact(
            contact_id=contact_id, contact_number=sent.number, name=sent.name, email_address=sent.email,
            tax_number=sent.tax_number, addresses=address, phones=phones,
        )  # fmt: skip
        answer = _asked(
            lambda: self._api.update_or_create_contacts(
                self._tenant, Contacts(contacts=[body]), idempotency_key=sent.digest, _request_timeout=_TIMEOUT
            )
        )
        return str(answer.contacts[0].contact_id)

    def invoice(self, sent: InvoiceSent) -> str:
        """Make an authorised invoice; the one of the same number is brought up to date instead."""
        body = Invoice(
            type="ACCREC", contact=Contact(contact_id=sent.contact_id), invoice_number=sent.number,
            reference=sent.reference, date=sent.issued, due_date=sent.due, currency_code=CurrencyCode(sent.currency),
            line_amount_types=LineAmountTypes.EXCLUSIVE, status="AUTHORISED",
            line_items=[
                LineItem(
                    description=line.description, quantity=1, unit_amount=line.amount, account_code=line.account,
                    tax_type=line.tax_type,
                )
                for line in sent.lines
            ],
        )  # fmt: skip
        answer = _asked(
            lambda: self._api.update_or_create_invoices(
                self._tenant, Invoices(invoices=[body]), unitdp=_PLACES, idempotency_key=sent.digest,
                _request_timeout=_TIMEOUT,
            )
        )  # fmt: skip
        return str(answer.invoices[0].invoice_id)

    def void(self, invoice_id: str) -> None:
        """Void an invoice, unless it is void already."""
        found = _asked(lambda: self._api.get_invoice(self._tenant, invoice_id, _request_timeout=_TIMEOUT))
        if found.invoices[0].status == "VOIDED":
            return
        body = Invoices(invoices=[Invoice(invoice_id=invoice_id, status="VOIDED")])
        _asked(lambda: self._api.update_invoice(self._tenant, invoice_id, body, _request_timeout=_TIMEOUT))

    def payment(self, sent: PaymentSent) -> str:
        """Record a payment."""
        body = Payment(
            invoice=Invoice(invoice_id=sent.invoice_id), account=Account(code=sent.account), date=sent.paid_on,
            amount=sent.amount, reference=sent.reference,
        )  # fmt: skip
        answer = _asked(
            lambda: self._api.create_payments(
                self._tenant, Payments(payments=[body]), idempotency_key=sent.key, _request_timeout=_TIMEOUT
            )
        )
        return str(answer.payments[0].payment_id)


def _asked(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except (ApiException, OAuth2Error) as error:
        raise XeroError(_reason(error)) from None
    except (OSError, HTTPError) as error:
        raise XeroError(f"Xero cannot be reached: {type(error).__name__}") from None


def _reason(error: Any) -> str:
    text = getattr(error, "reason", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:_MOST_TOLD]
