"""Stripe as far as we use it, behind the transport of its own library: shapes as its API documents and answers them."""

import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import stripe

SECRET = "whsec_for_tests"


class FakeStripe(stripe.HTTPClient):
    """`sessions`, `intents`: what was made, by id. `asked`: method and path of each request. `failing`: answer 500."""

    name = "fake"

    def __init__(self) -> None:
        super().__init__()
        self.sessions: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.params: list[dict[str, str]] = []
        self.failing = False
        self._by_key: dict[str, tuple[str, dict[str, Any]]] = {}

    def request(self, method: str, url: str, headers: Any, post_data: Any = None, **_: Any) -> Any:
        """One call of the API."""
        parts = urlsplit(url)
        self.asked.append(f"{method.upper()} {parts.path}")
        if self.failing:
            return json.dumps({"error": {"type": "api_error", "message": "down"}}), 500, {}
        text = post_data.decode() if isinstance(post_data, bytes) else post_data or ""
        params = {key: values[0] for key, values in parse_qs(text).items()}
        self.params.append(params)
        key = {name.lower(): value for name, value in dict(headers).items()}.get("idempotency-key")
        if key in self._by_key:
            sent, before = self._by_key[key]
            if sent != text:
                error = {"type": "idempotency_error", "message": "Keys can only be used with the same parameters."}
                return json.dumps({"error": error}), 400, {}
            return json.dumps(before), 200, {}
        status, answer = self._answer(method.upper(), parts.path, params)
        if key is not None and status == 200:
            self._by_key[key] = (text, answer)
        return json.dumps(answer), status, {"Request-Id": "req_1"}

    def close(self) -> None:
        """Nothing to close."""

    def pay(self, session_id: str) -> None:
        """The buyer pays."""
        number = session_id.removeprefix("cs_test_")
        self.sessions[session_id] |= {
            "status": "complete", "payment_status": "paid", "customer": f"cus_{number}",
            "payment_intent": {
                "id": f"pi_{number}", "object": "payment_intent", "status": "succeeded", "payment_method": {
                    "id": f"pm_{number}", "object": "payment_method", "type": "card",
                    "card": {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2030},
                },
            },
        }  # fmt: skip

    def event(self, kind: str, of: dict[str, Any], secret: str = SECRET) -> tuple[bytes, dict[str, str]]:
        """Body and headers of a webhook, signed as Stripe signs."""
        body = json.dumps({"id": "evt_1", "object": "event", "type": kind, "data": {"object": of}}).encode()
        moment = int(time.time())
        signature = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
        return body, {"stripe-signature": f"t={moment},v1={signature}"}

    def _answer(self, method: str, path: str, params: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if (method, path) == ("POST", "/v1/checkout/sessions"):
            name = f"cs_test_{len(self.sessions) + 1}"
            self.sessions[name] = {
                "id": name, "object": "checkout.session", "status": "open", "payment_status": "unpaid",
                "url": f"https://checkout.stripe.com/c/pay/{name}", "payment_intent": None, "customer": None,
                "amount_total": int(params["line_items[0][price_data][unit_amount]"]),
                "currency": params["line_items[0][price_data][currency]"],
                "client_reference_id": params["client_reference_id"],
            }  # fmt: skip
            return 200, self.sessions[name]
        if path.startswith("/v1/checkout/sessions/"):
            found = self.sessions.get(path.rpartition("/")[2])
            return (200, found) if found else (404, _missing("checkout.session"))
        if (method, path) == ("POST", "/v1/customers"):
            return 200, {"id": "cus_new", "object": "customer", "name": params["name"]}
        if (method, path) == ("POST", "/v1/setup_intents"):
            if params["confirmation_token"] == "ctoken_none":
                return 400, _missing("confirmation_token")
            card = {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2030}
            return 200, {
                "id": "seti_1", "object": "setup_intent", "status": "succeeded", "client_secret": "seti_1_secret",
                "customer": params["customer"],
                "payment_method": {"id": "pm_kept", "object": "payment_method", "type": "card", "card": card},
            }  # fmt: skip
        if path.endswith("/detach"):
            return 200, {"id": path.split("/")[3], "object": "payment_method", "type": "card"}
        return 404, _missing(path)


def _missing(what: str) -> dict[str, Any]:
    message = f"No such {what}"
    return {"error": {"type": "invalid_request_error", "code": "resource_missing", "message": message}}
