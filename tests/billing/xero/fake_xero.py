"""Xero as far as we use it, behind the transport of its own library: shapes as its API documents them."""

import json
from types import SimpleNamespace
from typing import Any

from xero_python.api_client import ApiClient
from xero_python.api_client.configuration import Configuration
from xero_python.api_client.oauth2 import OAuth2Token


class FakeXero:
    """`contacts`, `invoices`, `payments`: what it has, by its ids. refusing: account codes that it does not know."""

    def __init__(self) -> None:
        self.contacts: dict[str, dict[str, Any]] = {}
        self.invoices: dict[str, dict[str, Any]] = {}
        self.payments: list[dict[str, Any]] = []
        self.refusing: set[str] = set()
        self.dying_after: int | None = None
        self._by_key: dict[str, dict[str, Any]] = {}

    def client(self) -> ApiClient:
        """The library's client, speaking to this."""
        token = {
            "access_token": "x", "expires_in": 1800, "expires_at": 4102444800, "token_type": "Bearer",
            "refresh_token": "y", "scope": ["accounting.invoices"],
        }  # fmt: skip
        oauth = OAuth2Token(client_id="id", client_secret="secret")
        api = ApiClient(
            Configuration(oauth2_token=oauth), oauth2_token_getter=lambda: token, oauth2_token_saver=lambda _: None
        )
        api.rest_client.pool_manager = self
        return api

    def request(self, method: str, url: str, **options: Any) -> Any:
        """One call of the API."""
        if self.dying_after is not None:
            self.dying_after -= 1
            if self.dying_after < 0:
                raise KeyboardInterrupt
        key = {name.lower(): value for name, value in options["headers"].items()}.get("idempotency-key")
        path = url.partition("/api.xro/2.0/")[2].partition("?")[0]
        body = json.loads(options.get("body") or "{}")
        if key in self._by_key:
            return _answer(200, self._by_key[key])
        status, content = self._take(method, path, body)
        if key is not None and status == 200:
            self._by_key[key] = content
        return _answer(status, content)

    def _take(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if path == "Contacts":
            (sent,) = body["Contacts"]
            same = [each for each in self.contacts.values() if each["ContactNumber"] == sent["ContactNumber"]]
            kept = same[0] if same else {"ContactID": _id(len(self.contacts))}
            kept |= sent | {"ContactID": kept["ContactID"]}
            self.contacts[kept["ContactID"]] = kept
            return 200, {"Contacts": [kept]}
        if path == "Invoices":
            (sent,) = body["Invoices"]
            wrong = [line["AccountCode"] for line in sent["LineItems"] if line["AccountCode"] in self.refusing]
            if wrong:
                message = f"Account code '{wrong[0]}' is not a valid code for this document."
                return 400, {
                    "ErrorNumber": 10, "Type": "ValidationException", "Message": "A validation exception occurred",
                    "Elements": [{"ValidationErrors": [{"Message": message}]}],
                }  # fmt: skip
            same = [each for each in self.invoices.values() if each["InvoiceNumber"] == sent["InvoiceNumber"]]
            kept = same[0] if same else {"InvoiceID": _id(1000 + len(self.invoices))}
            kept |= sent
            self.invoices[kept["InvoiceID"]] = kept
            return 200, {"Invoices": [kept]}
        if path.startswith("Invoices/"):
            kept = self.invoices[path.rpartition("/")[2]]
            if method == "POST":
                kept["Status"] = body["Invoices"][0]["Status"]
            return 200, {"Invoices": [kept]}
        assert path == "Payments"
        (sent,) = body["Payments"]
        self.payments.append(sent | {"PaymentID": _id(2000 + len(self.payments))})
        return 200, {"Payments": [self.payments[-1]]}


def _id(number: int) -> str:
    return f"00000000-0000-0000-0000-{number:012d}"


def _answer(status: int, content: dict[str, Any]) -> Any:
    data = json.dumps(content).encode()
    headers = {"content-type": "application/json"}
    return SimpleNamespace(
        status=status, reason="", data=data, headers=headers, getheaders=lambda: headers,
        getheader=lambda name, default=None: headers.get(name.lower(), default),
    )  # fmt: skip
