"""A buyer's browser: follows links and forms of our pages, keeps cookies, never runs a script."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser

from starlette.applications import Starlette
from starlette.testclient import TestClient

from billing.checkout.site import site_routes
from tests.billing.shop import Shop


class _Hidden(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "input" and values.get("type") == "hidden":
            self.fields[values["name"] or ""] = values.get("value") or ""


class Browser:
    """`at`: the path it is at; `text`: the page."""

    def __init__(self, client: TestClient) -> None:
        self._client = client
        self.at = ""
        self.status = 0
        self.text = ""
        self.headers: dict[str, str] = {}

    def get(self, url: str) -> "Browser":
        """Open a page of ours; stops at addresses that are elsewhere."""
        self.at = re.sub(r"^http://127\.0\.0\.1:4318", "", url)
        if self.at.startswith("/"):
            self._take(self._client.get(self.at, follow_redirects=False))
        return self

    def post(self, **fields: str) -> "Browser":
        """Send the last form of the page, with what is hidden in it."""
        path = self.at.partition("?")[0]
        self._take(self._client.post(path, data=self.hidden() | fields, follow_redirects=False))
        return self

    def hidden(self) -> dict[str, str]:
        """What is hidden in the page's forms."""
        parser = _Hidden()
        parser.feed(self.text)
        return parser.fields

    def _take(self, response: object) -> None:
        self.status, self.text = response.status_code, response.text  # type: ignore[attr-defined]
        self.headers = dict(response.headers)  # type: ignore[attr-defined]
        if self.status == 303:
            self.get(self.headers["location"])


@contextmanager
def browsing(shop: Shop) -> Iterator[Browser]:
    """A browser that is at none of our pages yet."""
    with TestClient(Starlette(routes=site_routes(shop.billing)), base_url="http://127.0.0.1:4318") as client:
        yield Browser(client)
