"""A webhook receiver on a loopback port that answers as it is told, and checks every message as its users would."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from standardwebhooks import Webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


class Receiver:
    """Answers with `codes` one after the other, the last again and again; 0 answers nothing for `silence` seconds.

    `messages` are those that were verified, `ids` their webhook-ids, in the order of arrival.
    """

    def __init__(self, codes: Sequence[int] = (200,), *, silence: float = 3.0, secret: str = SECRET) -> None:
        self.messages: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.most_at_once = 0
        self._at_once = 0
        self._codes = list(codes)
        self._lock = threading.Lock()
        self._check = Webhook(secret)
        self._silence = silence
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks/margins"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def answer(self, *codes: int) -> None:
        """Answer with these from now on."""
        with self._lock:
            self._codes = list(codes)

    def wait(self, count: int, timeout: float = 20.0) -> None:
        """Wait until so many messages came in."""
        until = time.monotonic() + timeout
        while len(self.ids) < count:
            assert time.monotonic() < until, f"{len(self.ids)} of {count} messages: {self.ids}"
            time.sleep(0.05)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _took(self, headers: dict[str, str], body: bytes) -> int:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            # raises when the signature is wrong: the message does not count and is not answered
            self.messages.append(self._check.verify(body, headers))
            assert self.messages[-1] == json.loads(body)
            self.ids.append(headers["webhook-id"])
            code = self._codes.pop(0) if len(self._codes) > 1 else self._codes[0]
        time.sleep(self._silence if code == 0 else 0.01)
        with self._lock:
            self._at_once -= 1
        return code

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        took: Callable[[dict[str, str], bytes], int] = self._took

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                code = took({name.lower(): value for name, value in self.headers.items()}, body)
                if code:
                    self.send_response(code)
                    if 300 <= code < 400:
                        self.send_header("location", "/elsewhere")
                    self.send_header("content-length", "0")
                    self.end_headers()

            def do_GET(self) -> None:
                raise AssertionError("a redirect was followed")

            def log_message(self, *_: object) -> None:
                pass

        return Handler
