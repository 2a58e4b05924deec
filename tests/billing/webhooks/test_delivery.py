"""From the outbox to a receiver: signed, in order, again and again, and never to where it must not go."""

import base64
import hashlib
import hmac
import json
import random
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from standardwebhooks import Webhook

from billing.clock import utc_now
from billing.tables.webhooks import WebhookMessage
from billing.webhooks.addresses import AddressError, Place, WebhookSettings, place_of, resolve
from billing.webhooks.deliver import Deliverer, deliver_due
from billing.webhooks.emit import emit
from billing.webhooks.post import post
from billing.webhooks.retry import GIVE_UP, next_attempt
from tests.billing.shop import NOW, Shop, open_shop
from tests.billing.webhooks.receiver import Received, Receiver, receiving

LOCAL = WebhookSettings(allow_private=True, allow_http=True, timeout=2)
PAID = "billing-invoice-paid"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as up:
        yield up


@pytest.fixture
def open_to_local(shop: Shop) -> Shop:
    return local(shop)


def local(shop: Shop) -> Shop:
    shop.billing = replace(shop.billing, webhooks=LOCAL)
    shop.api.app.state.billing = shop.billing  # type: ignore[attr-defined]
    return shop


def listen(shop: Shop, receiver: Receiver, name: str = PAID) -> str:
    answer = shop.api.patch(f"/webhooks/{name}", json={"enabled": True, "url": receiver.url})
    assert answer.status_code == 200, answer.text
    return str(answer.json().get("signingSecret"))


def tell(shop: Shop, about: str = "inv_1", name: str = PAID) -> None:
    shop.database.write(lambda session: emit(session, name, about, {"id": about}, shop.clock.now))


def the_message(shop: Shop) -> WebhookMessage:
    with shop.database.read() as session:
        return session.scalars(select(WebhookMessage)).one()


def test_a_message_is_signed_in_both_ways(open_to_local: Shop, receiver: Receiver):
    shop = open_to_local
    shop.clock.now = utc_now()  # the library knows only the real time
    secret = listen(shop, receiver)
    tell(shop)

    assert deliver_due(shop.billing, LOCAL) == 1

    (got,) = receiver.got
    assert Webhook(secret).verify(got.body, got.headers)["data"]["invoice"]["id"] == "inv_1"
    stamp, _, signature = got.headers["x-webhook-signature"].partition(",s=")
    moment = stamp.removeprefix("t=")
    expected = hmac.new(secret.encode(), f"{moment}.".encode() + got.body, hashlib.sha256).digest()
    assert signature == base64.b64encode(expected).decode()
    assert abs(int(moment) / 1000 - shop.clock.now.timestamp()) < 1
    assert the_message(shop).state == "delivered"
    (webhook,) = [each for each in shop.api.get("/webhooks/").json()["data"] if each["name"] == PAID]
    assert webhook["lastStatus"] == "success"


def test_a_replaced_secret_signs_for_a_day_more(open_to_local: Shop, receiver: Receiver):
    shop = open_to_local
    shop.clock.now = utc_now()
    old = listen(shop, receiver)
    new = shop.api.post("/webhooks/rotate-secret", json={}).json()["signingSecret"]
    tell(shop)
    deliver_due(shop.billing, LOCAL)
    shop.clock.forward(hours=25)
    tell(shop)
    deliver_due(shop.billing, LOCAL)

    within, after = receiver.got
    assert Webhook(old).verify(within.body, within.headers)
    assert Webhook(new).verify(within.body, within.headers)
    assert " " in within.headers["webhook-signature"]
    assert "x-webhook-signature-previous" in within.headers
    assert " " not in after.headers["webhook-signature"]
    assert "x-webhook-signature-previous" not in after.headers


def test_a_failure_is_tried_again_until_it_is_given_up_and_can_be_replayed(open_to_local: Shop, receiver: Receiver):
    shop = open_to_local
    listen(shop, receiver)
    receiver.answer = lambda _: 500
    tell(shop)

    for _ in range(1000):
        deliver_due(shop.billing, LOCAL)
        message = the_message(shop)
        if message.state == "dead":
            break
        assert message.next_attempt_at <= NOW + GIVE_UP
        shop.clock.now = max(message.next_attempt_at, shop.clock.now)

    assert shop.clock.now == NOW + GIVE_UP
    (dead,) = shop.api.get("/webhooks/deliveries", params={"status": "dead"}).json()["data"]
    assert (dead["responseStatus"], dead["error"], len(dead["responseBody"])) == (500, "answered 500", 1000)
    receiver.answer = lambda _: 200
    assert shop.api.post(f"/webhooks/deliveries/{dead['id']}/replay").json()["status"] == "pending"
    deliver_due(shop.billing, LOCAL)
    assert the_message(shop).state == "delivered"
    assert {each.headers["webhook-id"] for each in receiver.got} == {dead["id"]}


def test_redirects_are_failures_and_gone_is_the_end(open_to_local: Shop, receiver: Receiver):
    shop = open_to_local
    listen(shop, receiver)
    receiver.answer = lambda _: 307
    tell(shop)

    deliver_due(shop.billing, LOCAL)

    assert [each.path for each in receiver.got] == ["/hook"]
    assert (the_message(shop).state, the_message(shop).response_status) == ("pending", 307)
    receiver.answer = lambda _: 410
    shop.clock.forward(hours=5)
    deliver_due(shop.billing, LOCAL)
    assert the_message(shop).state == "dead"


def test_a_webhook_turned_off_keeps_its_messages(open_to_local: Shop, receiver: Receiver):
    shop = open_to_local
    listen(shop, receiver)
    tell(shop)
    shop.api.patch(f"/webhooks/{PAID}", json={"enabled": False})

    assert deliver_due(shop.billing, LOCAL) == 0

    shop.api.patch(f"/webhooks/{PAID}", json={"enabled": True})
    assert deliver_due(shop.billing, LOCAL) == 1


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), told=st.lists(st.sampled_from(["inv_1", "inv_2", "inv_3"]), min_size=1, max_size=8))
def test_no_message_is_lost_or_out_of_order_however_the_receiver_fails(seed: int, told: list[str]):
    chance = random.Random(seed)
    with TemporaryDirectory() as folder, open_shop(Path(folder)) as opened, receiving() as receiver:
        shop = local(opened)
        names = ("billing-invoice-created", PAID)
        for name in names:
            listen(shop, receiver, name)
        taken: dict[str, list[int]] = defaultdict(list)

        def answer(got: Received) -> int:
            if chance.random() < 0.5:
                return 503
            message = json.loads(got.body)
            taken[message["data"]["invoice"]["id"]].append(message["version"])
            return 200

        receiver.answer = answer
        for about in told:
            tell(shop, about, chance.choice(names))
            if chance.random() < 0.5:
                deliver_due(shop.billing, LOCAL)
        for _ in range(200):
            if sum(map(len, taken.values())) == len(told):
                break
            shop.clock.forward(hours=4)
            deliver_due(shop.billing, LOCAL)

    assert dict(taken) == {about: list(range(1, told.count(about) + 1)) for about in set(told)}


@given(attempts=st.integers(1, 500), since=st.timedeltas(timedelta(0), timedelta(days=4)), share=st.floats(0, 1))
def test_attempts_are_spread_and_end_after_three_days(attempts: int, since: timedelta, share: float):
    now = NOW + since
    again = next_attempt(attempts, NOW, now, lambda low, high: low + (high - low) * share)

    if since >= GIVE_UP:
        assert again is None
    else:
        assert again is not None
        assert now <= again <= min(NOW + GIVE_UP, now + timedelta(hours=4))


def test_a_claim_of_one_that_died_runs_out(open_to_local: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch):
    shop = open_to_local
    listen(shop, receiver)
    tell(shop)
    with monkeypatch.context() as broken:
        broken.setattr("billing.webhooks.deliver.settle", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            deliver_due(shop.billing, LOCAL)

    assert deliver_due(shop.billing, LOCAL) == 0
    shop.clock.forward(seconds=63)
    assert deliver_due(shop.billing, LOCAL) == 1
    assert len({each.headers["webhook-id"] for each in receiver.got}) == 1


def test_the_thread_delivers_and_a_slow_receiver_holds_up_no_other(open_to_local: Shop, receiver: Receiver):
    shop = open_to_local
    with receiving() as slow:
        listen(shop, receiver)
        listen(shop, slow, "billing-invoice-created")

        def dawdle(_: Received) -> int:
            time.sleep(0.5)
            return 200

        slow.answer = dawdle
        for number in range(20):
            tell(shop, f"slow_{number}", "billing-invoice-created")
        tell(shop)
        deliverer = Deliverer(shop.billing)
        deliverer.start()
        try:
            end = time.monotonic() + 10
            while not receiver.got and time.monotonic() < end:
                time.sleep(0.01)
            slow_by_then = len(slow.got)
        finally:
            deliverer.stop()
    assert len(receiver.got) == 1
    assert slow_by_then < 20


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "ftp://example.com/", "https://", "https://user:pw@example.com/", "https://127.0.0.1/",
        "https://[::1]/", "https://169.254.169.254/latest/meta-data", "https://10.0.0.8/", "https://[::ffff:10.0.0.8]/",
        "https://[64:ff9b::a00:8]/", "https://[2002:a00:8::1]/", "https://0.0.0.0/", "https://100.64.0.1/",
        "https://[fe80::1]/", "https://example.com:0/", "https://exämple.com/", "https://example.com/a b", "nothing",
        "https://example.com:99999/", "https://[::1", "https://224.0.0.1/", "https://255.255.255.255/",
    ],
)  # fmt: skip
def test_addresses_that_messages_never_go_to(shop: Shop, url: str):
    answer = shop.api.patch(f"/webhooks/{PAID}", json={"enabled": True, "url": url})

    assert answer.status_code == 400
    assert answer.json()["details"].startswith("url: ")


def test_a_name_that_leads_inside_is_refused_when_it_is_resolved(monkeypatch: pytest.MonkeyPatch):
    public = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 443))
    inside = (*public[:4], ("10.0.0.8", 443))
    place = place_of("https://hooks.example.com/x?y=1", WebhookSettings())
    assert place == Place(True, "hooks.example.com", 443, "/x?y=1")

    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [public])
    assert resolve(place, WebhookSettings()) == "93.184.216.34"
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [public, inside])
    with pytest.raises(AddressError, match="not on a public address"):
        resolve(place, WebhookSettings())


def test_a_receiver_that_drips_is_cut_off():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            peer, _ = server.accept()
            with peer:
                try:
                    for _ in range(100):
                        peer.sendall(b"HTTP/1.1 200 OK\r\n"[:1])
                        time.sleep(0.05)
                except OSError:
                    pass

        threading.Thread(target=drip, daemon=True).start()
        began = time.monotonic()
        answer = post(
            f"http://127.0.0.1:{server.getsockname()[1]}/", {}, b"{}",
            WebhookSettings(allow_private=True, allow_http=True, timeout=0.5),
        )  # fmt: skip

    assert answer.error == "no answer in time"
    assert time.monotonic() - began < 3


def test_a_test_message_goes_out_at_once(open_to_local: Shop, receiver: Receiver):
    shop = open_to_local
    assert shop.api.post(f"/webhooks/{PAID}/test", json={}).status_code == 400
    listen(shop, receiver)

    assert shop.api.post(f"/webhooks/{PAID}/test", json={}).json() == {"success": True}

    assert json.loads(receiver.got[0].body)["isTest"] is True
    receiver.answer = lambda _: 500
    assert shop.api.post(f"/webhooks/{PAID}/test", json={}).json() == {"success": False, "error": "answered 500"}
    assert shop.api.post("/webhooks/billing-nothing/test", json={}).status_code == 404
    (shown,) = [each for each in shop.api.get("/webhooks").json()["data"] if each["name"] == PAID]
    assert (shown["lastStatus"], shown["lastSentAt"]) == ("failed", "2026-03-15T12:00:00.000Z")
