"""Stripe takes the money: its hosted Checkout for payments, SetupIntents for ways to pay. Needs the extra `stripe`.

Amounts go in Stripe's own units: minor units as ISO 4217 has them, but for two currencies that Stripe counts in
hundredths although they have none.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import stripe

from billing.checkout.money import money_text
from billing.checkout.providers import ForgedNoticeError, Kept, Notice, Paid, ProviderError, Purchase, Started

T = TypeVar("T")

_IN_HUNDREDTHS: Final = frozenset(("ISK", "UGX"))
_LONGEST_TEXT: Final = 450
_TIMEOUT: Final = 20
_OLDEST_SECONDS: Final = 300
_LOST: Final = ("checkout.session.expired", "checkout.session.async_payment_failed")
_DONE: Final = ("checkout.session.completed", "checkout.session.async_payment_succeeded")
_EXPANDED: Final = "payment_intent.payment_method"


class StripePayments:
    """The provider. api_key: a secret or restricted key; signing_secret: that of the webhook endpoint, `whsec_…`.

    api_base and client are for tests.
    """

    name = "stripe"
    pays_at = "https://checkout.stripe.com"

    def __init__(
        self,
        api_key: str,
        signing_secret: str,
        *,
        api_base: str | None = None,
        client: stripe.HTTPClient | None = None,
    ) -> None:
        self._signing_secret = signing_secret
        self._stripe = stripe.StripeClient(
            api_key,
            base_addresses={} if api_base is None else {"api": api_base},
            http_client=client or stripe.RequestsClient(timeout=_TIMEOUT),
            max_network_retries=2,
        )

    def start(self, purchase: Purchase) -> Started:
        """A Checkout Session; the same one for the same attempt at the same amount."""
        what = "; ".join(f"{text} {money_text(amount, purchase.currency)}" for text, amount in purchase.items)
        product: dict[str, Any] = {"name": "Order", "description": what[:_LONGEST_TEXT] or "Order"}
        amount = in_stripe_units(purchase.amount, purchase.currency)
        params: dict[str, Any] = {
            "mode": "payment",
            "client_reference_id": purchase.checkout_id,
            "success_url": purchase.return_url,
            "cancel_url": purchase.back_url,
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": purchase.currency.lower(), "unit_amount": amount, "product_data": product,
                    },
                }
            ],
            "payment_intent_data": {
                "setup_future_usage": "off_session", "metadata": {"checkout_id": purchase.checkout_id},
            },
            "metadata": {"checkout_id": purchase.checkout_id},
        }  # fmt: skip
        if purchase.provider_customer is not None:
            params["customer"] = purchase.provider_customer
        else:
            params["customer_creation"] = "always"
            if purchase.email is not None:
                params["customer_email"] = purchase.email
        key = f"marginlake/{purchase.checkout_id}/{purchase.attempt}/{amount}"
        session = _asked(
            lambda: self._stripe.v1.checkout.sessions.create(params, options={"idempotency_key": key})  # type: ignore[arg-type]
        )
        return Started(session.id, session.url)

    def paid(self, session_id: str) -> Paid | None:
        """The payment of a Checkout Session, if it came."""
        session = _asked(lambda: self._stripe.v1.checkout.sessions.retrieve(session_id, {"expand": [_EXPANDED]}))
        return _paid(_plain(session))

    def read_notice(self, body: bytes, headers: Mapping[str, str]) -> Notice | None:
        """A webhook of Stripe's. What it says of a payment is asked for again: notices come late and out of order."""
        try:
            stripe.WebhookSignature.verify_header(
                body.decode(),
                headers.get("stripe-signature", ""),
                self._signing_secret,
                stripe.Webhook.DEFAULT_TOLERANCE,
            )
            event = json.loads(body)
            kind, of = str(event["type"]), event["data"]["object"]
        except (stripe.SignatureVerificationError, ValueError, KeyError, TypeError):
            raise ForgedNoticeError from None
        if kind in _DONE:
            paid = self.paid(of["id"])
            return None if paid is None else Notice("paid", of["id"], of.get("client_reference_id"), paid)
        if kind in _LOST:
            return Notice("lost", of["id"], of.get("client_reference_id"))
        if kind == "setup_intent.succeeded" and of.get("customer") and of.get("payment_method"):
            method = _asked(lambda: self._stripe.v1.payment_methods.retrieve(of["payment_method"]))
            return Notice("kept", customer=of["customer"], method=_method(_plain(method)))
        return None

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
        """A SetupIntent that is confirmed with the buyer's ConfirmationToken."""
        customer = known_as or self._new_customer(customer_id, name, email)
        redirects = "never" if return_url is None else "always"
        params: dict[str, Any] = {
            "customer": customer, "confirm": True, "confirmation_token": token, "usage": "off_session",
            "metadata": metadata, "automatic_payment_methods": {"enabled": True, "allow_redirects": redirects},
            "expand": ["payment_method"], **({} if return_url is None else {"return_url": return_url}),
        }  # fmt: skip
        options: Any = {"idempotency_key": f"marginlake/setup/{customer_id}/{token}"[:255]}
        intent = _plain(_asked(lambda: self._stripe.v1.setup_intents.create(params, options=options)))  # type: ignore[arg-type]
        method = intent.get("payment_method") if intent["status"] == "succeeded" else None
        return Kept(
            intent["id"], intent["status"], customer, intent.get("client_secret"),
            _method(method) if isinstance(method, dict) else None,
        )  # fmt: skip

    def forget(self, method_id: str) -> None:
        """Detach a way to pay; one that is detached already is fine."""
        try:
            self._stripe.v1.payment_methods.detach(method_id)
        except stripe.InvalidRequestError:
            return
        except stripe.StripeError as error:
            raise _failed(error) from None

    def _new_customer(self, customer_id: str, name: str, email: str | None) -> str:
        params: dict[str, Any] = {"name": name, "metadata": {"customer_id": customer_id}}
        if email is not None:
            params["email"] = email
        options: Any = {"idempotency_key": f"marginlake/customer/{customer_id}"}
        return _asked(lambda: self._stripe.v1.customers.create(params, options=options)).id  # type: ignore[arg-type]


def in_stripe_units(minor: int, currency: str) -> int:
    """Our minor units as Stripe counts them."""
    return minor * 100 if currency in _IN_HUNDREDTHS else minor


def from_stripe_units(amount: int, currency: str) -> int:
    """Stripe's units as our minor units."""
    return amount // 100 if currency in _IN_HUNDREDTHS else amount


def _paid(session: dict[str, Any]) -> Paid | None:
    if session.get("payment_status") != "paid":
        return None
    intent = session.get("payment_intent")
    currency = str(session["currency"]).upper()
    method = intent.get("payment_method") if isinstance(intent, dict) else None
    name = intent["id"] if isinstance(intent, dict) else intent or session["id"]
    kept = _method(method) if isinstance(method, dict) else None
    return Paid(
        f"stripe/{name}", from_stripe_units(session["amount_total"], currency), currency,
        _payment_type("card" if kept is None else kept["type"]), session.get("customer"), kept,
    )  # fmt: skip


def _payment_type(method: str) -> str:
    return {"card": "creditCard", "us_bank_account": "ach"}.get(method, "bankTransfer")


def _method(method: dict[str, Any]) -> dict[str, Any]:
    card = method.get("card")
    shown = card and {
        "brand": card["brand"], "last4": card["last4"], "expMonth": card["exp_month"], "expYear": card["exp_year"],
    }  # fmt: skip
    return {"id": method["id"], "type": method["type"], "card": shown or None}


def _plain(found: stripe.StripeObject) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(str(found))
    return content


def _asked(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except stripe.StripeError as error:
        raise _failed(error) from None


def _failed(error: stripe.StripeError) -> ProviderError:
    return ProviderError(error.user_message or f"Stripe: {type(error).__name__}")
