"""A message to a webhook: its receivers' library accepts the signature, and only what was taken counts as delivered."""

import base64
import json
import socket
import threading
import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from marginlake.webhooks import Answer, WebhookError, post, signature, target
from tests.marginlake.receiving import OLD_SECRET, SECRET, Receiver

BODY = b'{"type":"alert.firing"}'


def key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix("whsec_"))


def test_the_specifications_own_example() -> None:
    body = b'{"test": 2432232314}'
    assert signature([key(SECRET)], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_while_a_secret_is_replaced_both_are_good() -> None:
    now = int(time.time())
    signed = signature([key(SECRET), key(OLD_SECRET)], "alert_1_firing", now, BODY)
    headers = {"webhook-id": "alert_1_firing", "webhook-timestamp": str(now), "webhook-signature": signed}
    for secret in (SECRET, OLD_SECRET):
        assert Webhook(secret).verify(BODY, headers) == json.loads(BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + base64.b64encode(b"x" * 24).decode()).verify(BODY, headers)


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        (200, Answer("delivered")),
        (204, Answer("delivered")),
        (302, Answer("failed", "answered 302")),
        (307, Answer("failed", "answered 307")),
        (400, Answer("failed", "answered 400")),
        (410, Answer("gone", "answered 410")),
        (500, Answer("failed", "answered 500")),
    ],
)
def test_only_a_2xx_is_a_delivery(code: int, answer: Answer) -> None:
    with Receiver([code]) as receiver:
        assert post(target(receiver.url, [SECRET], 5), "alert_1_firing", int(time.time()), BODY) == answer
        assert receiver.ids == ["alert_1_firing"]


def test_who_does_not_answer_in_time_did_not_take_it() -> None:
    with Receiver([0], silence=1.0) as receiver:
        began = time.monotonic()
        answer = post(target(receiver.url, [SECRET], 0.2), "a", int(time.time()), BODY)
        assert answer == Answer("failed", "no answer in time")
        assert time.monotonic() - began < 1.0


def test_nobody_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        answer = post(target(f"http://127.0.0.1:{port}/secret-path", [SECRET], 1), "a", 1, BODY)
    assert answer.outcome == "failed"
    assert "secret-path" not in answer.error


@pytest.mark.parametrize("said", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"])
def test_broken_answers_raise_nothing(said: bytes) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(said)

        thread = threading.Thread(target=serve)
        thread.start()
        answer = post(target(f"http://127.0.0.1:{listening.getsockname()[1]}/", [SECRET], 2), "a", 1, BODY)
        thread.join()
    assert (answer.outcome == "delivered") == said.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "url",
    ["ftp://example.com", "example.com/hook", "http://", "file:///etc/passwd", "https://user:pass@example.com/",
     "http://[::1", "https://example.com/a b", "https://example.com/\r\nx: y", "http://host:99999/"],
)  # fmt: skip
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(WebhookError) as error:
        target(url, [SECRET], 1)
    assert "pass" not in str(error.value).replace("password", "")


@pytest.mark.parametrize(
    "secret", ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_c2hvcnQ=", "whsec_???", "whsec_é"]
)
def test_secrets_that_are_refused_are_not_shown(secret: str) -> None:
    with pytest.raises(WebhookError) as error:
        target("https://example.com", [secret], 1)
    assert str(error.value) == "must be whsec_ and the base64 of 24 to 64 random bytes"


def test_neither_secret_nor_path_is_shown() -> None:
    shown = repr(target("https://example.com/T00/B00/token", [SECRET], 1))
    assert "token" not in shown
    assert "MfKQ" not in shown
    assert str(key(SECRET)) not in shown


@pytest.mark.parametrize(
    ("url", "exposed"),
    [("http://example.com", True), ("https://example.com", False), ("http://127.0.0.1:80", False),
     ("http://localhost", False), ("http://[::1]:80", False), ("http://10.0.0.1", True)],
)  # fmt: skip
def test_plain_http_to_another_machine_is_exposed(url: str, exposed: bool) -> None:
    assert target(url, [SECRET], 1).exposed is exposed
