"""`FakeXero` over HTTP on loopback, with the tokens and connections of a custom connection in front of it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest
from xero_python.accounting import AccountingApi
from xero_python.api_client.oauth2 import TokenApi
from xero_python.identity import IdentityApi

from tests.billing.xero.fake_xero import FakeXero

CLIENT_ID, CLIENT_SECRET = "0F5A", "a-secret-that-nobody-is-shown"
_TENANT = "00000000-0000-0000-0000-00000000beef"


class Served:
    """`tokens`: how many were given. busy: how many calls are refused as too many, each for `wait` seconds."""

    def __init__(self, xero: FakeXero) -> None:
        self.xero = xero
        self.tokens = 0
        self.lifetime = 1800
        self.connections = 1
        self.busy = 0
        self.wait = "0"

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        if path == "/token":
            said = parse_qs(body.decode())
            if (said["client_id"], said["client_secret"]) != ([CLIENT_ID], [CLIENT_SECRET]):
                return 400, {}, b'{"error": "invalid_client"}'
            assert said["grant_type"] == ["client_credentials"]
            self.tokens += 1
            token = {"access_token": f"token {self.tokens}", "expires_in": self.lifetime, "token_type": "Bearer"}
            return 200, {}, json.dumps(token).encode()
        if headers.get("authorization") != f"Bearer token {self.tokens}":
            return 401, {}, b'{"Title": "Unauthorized", "Status": 401, "Detail": "AuthenticationUnsuccessful"}'
        if path.lower() == "/connections":
            one = {"id": _TENANT, "tenantId": _TENANT, "tenantType": "ORGANISATION", "tenantName": "Demo Company"}
            return 200, {}, json.dumps([one] * self.connections).encode()
        assert headers["xero-tenant-id"] == _TENANT
        if self.busy:
            self.busy -= 1
            return 429, {"Retry-After": self.wait, "X-Rate-Limit-Problem": "minute"}, b""
        found = self.xero.request(method, path, headers=headers, body=body)
        return found.status, {}, found.data


@contextmanager
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """Xero where its client library looks for it, while this lasts."""
    here = Served(FakeXero())

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, more, content = here.answer(self.command, self.path, headers, body)
            self.send_response(status)
            for name, value in more.items() | {("content-type", "application/json")}:
                self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self) -> None:
            self.do_GET()

        def do_PUT(self) -> None:
            self.do_GET()

        def log_message(self, *told: Any) -> None:
            del told

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    place = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(TokenApi, "client_credentials_token_url", f"{place}/token")
    monkeypatch.setattr(IdentityApi, "base_url", place)
    monkeypatch.setattr(AccountingApi, "base_url", f"{place}/api.xro/2.0")
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
