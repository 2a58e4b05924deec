"""Xero through its own client library. Needs the extra `xero`."""

import json
import time
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
from xero_python.exceptions.http_status_exceptions import HTTPStatusException

from billing.xero.sent import ContactSent, InvoiceSent, PaymentSent, XeroError

T = TypeVar("T")

TIMEOUT: Final = 30
"""Seconds for one call."""

_LONGEST_WAIT: Final = 90
"""Seconds: Xero takes sixty calls a minute, and says after how many seconds it takes the next."""

_MOST_WAITS: Final = 5
_MOST_TOLD: Final = 300
_TOO_MANY: Final = 429
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
        answer = asked(
            lambda: self._api.update_or_create_contacts(
                self._tenant, Contacts(contacts=[body]), idempotency_key=sent.digest, _request_timeout=TIMEOUT
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
        answer = asked(
            lambda: self._api.update_or_create_invoices(
                self._tenant, Invoices(invoices=[body]), unitdp=_PLACES, idempotency_key=sent.digest,
                _request_timeout=TIMEOUT,
            )
        )  # fmt: skip
        return str(answer.invoices[0].invoice_id)

    def void(self, invoice_id: str) -> None:
        """Void an invoice, unless it is void already."""
        found = asked(lambda: self._api.get_invoice(self._tenant, invoice_id, _request_timeout=TIMEOUT))
        if found.invoices[0].status == "VOIDED":
            return
        body = Invoices(invoices=[Invoice(invoice_id=invoice_id, status="VOIDED")])
        asked(lambda: self._api.update_invoice(self._tenant, invoice_id, body, _request_timeout=TIMEOUT))

    def payment(self, sent: PaymentSent) -> str:
        """Record a payment."""
        body = Payment(
            invoice=Invoice(invoice_id=sent.invoice_id), account=Account(code=sent.account), date=sent.paid_on,
            amount=sent.amount, reference=sent.reference,
        )  # fmt: skip
        answer = asked(
            lambda: self._api.create_payments(
                self._tenant, Payments(payments=[body]), idempotency_key=sent.key, _request_timeout=TIMEOUT
            )
        )
        return str(answer.payments[0].payment_id)


def asked(ask: Callable[[], T]) -> T:
    """What Xero answers; when it has had enough calls for now, after as long as it says. Raises XeroError."""
    for _ in range(_MOST_WAITS):
        try:
            return ask()
        except HTTPStatusException as error:
            seconds = _seconds_to_wait(error)
            if seconds is None:
                raise XeroError(_reason(error)) from None
        except (ApiException, OAuth2Error) as error:
            raise XeroError(_reason(error)) from None
        except (OSError, HTTPError) as error:
            raise XeroError(f"Xero cannot be reached: {type(error).__name__}") from None
        time.sleep(seconds)
    raise XeroError("Xero takes no more calls for now; run it again later")


def _seconds_to_wait(error: HTTPStatusException) -> float | None:
    """None: it is no matter of waiting, or one of hours, as when the calls of a day are used up."""
    if getattr(error.http_resp, "status", None) != _TOO_MANY:
        return None
    text = str(error.http_resp.getheader("Retry-After", ""))
    seconds = int(text) if text.isascii() and text.isdigit() else _LONGEST_WAIT
    return seconds if seconds <= _LONGEST_WAIT else None


def _said(error: Any) -> str | None:
    """What Xero says of tokens and permissions, which its library does not read."""
    try:
        body = json.loads(getattr(error, "body", None) or "{}")
    except ValueError:
        return None
    found = body.get("error") or body.get("Detail") if isinstance(body, dict) else None
    return found if isinstance(found, str) else None


def _reason(error: Any) -> str:
    text = _said(error) or getattr(error, "reason", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:_MOST_TOLD]
