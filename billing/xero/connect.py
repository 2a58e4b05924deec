"""A Xero organisation by a "custom connection": an id and a secret that are good for it alone. Needs the extra `xero`.

Nothing is kept: each run asks for a token, and for another when that one is about to end.
"""

import time
from typing import Any, Final

from xero_python.api_client import ApiClient
from xero_python.api_client.configuration import Configuration
from xero_python.api_client.oauth2 import OAuth2Token, TokenApi
from xero_python.identity import IdentityApi

from billing.xero.official import TIMEOUT, XeroAccounting, asked
from billing.xero.sent import XeroError

_BEFORE_ITS_END: Final = 90.0
"""Seconds: more than the library itself takes for the end of a token, which it could not renew."""


def connect(client_id: str, client_secret: str) -> XeroAccounting:
    """The organisation that the connection is for. Raises XeroError: no such connection, or Xero cannot be reached."""
    client = _connected(client_id, client_secret)
    found = asked(lambda: IdentityApi(client).get_connections())
    if len(found) != 1:
        raise XeroError(f"the connection is for {len(found)} organisations, and must be for one")
    return XeroAccounting(client, str(found[0].tenant_id))


class _Timed(ApiClient):  # type: ignore[misc]
    """Waits for no answer for ever: the library's own calls for tokens and connections name no time."""

    def call_api(self, *given: Any, _request_timeout: int | None = None, **named: Any) -> Any:
        return super().call_api(*given, _request_timeout=_request_timeout or TIMEOUT, **named)


def _connected(client_id: str, client_secret: str) -> ApiClient:
    token: dict[str, Any] = {}
    client = _Timed(Configuration(oauth2_token=OAuth2Token(client_id=client_id, client_secret=client_secret)))
    tokens = TokenApi(client, client_id, client_secret)

    @client.oauth2_token_getter  # type: ignore[untyped-decorator]
    def get() -> dict[str, Any]:
        if token.get("expires_at", 0.0) - _BEFORE_ITS_END < time.time():
            given = tokens.get_client_credentials_token(False)
            token.update(
                access_token=given["access_token"],
                token_type="Bearer",
                scope=given.get("scope", ""),
                expires_in=given["expires_in"],
                expires_at=time.time() + float(given["expires_in"]),
            )
        return token

    client.oauth2_token_saver(token.update)
    return client
