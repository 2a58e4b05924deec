"""Requests about credits that the Python SDK really sent, replayed against the routes."""

from datetime import UTC, datetime

import pytest

from tests.billing.shop import Shop
from tests.billing.test_recorded_catalog import Replay


@pytest.fixture
def replay(either: Shop) -> Replay:
    """At a time before the recorded grant expires, with the recorded customer."""
    either.clock.now = datetime(2026, 1, 15, tzinfo=UTC)
    started = Replay(either)
    made = either.api.post("/customers/", json={"name": "Acme", "externalId": "cust_1"}).json()
    started.ids["cus_1"] = made["id"]
    return started


def test_currencies_grants_and_balances_as_the_sdk_asks_for_them(replay: Replay):
    status, made = replay.send("006")
    assert (status, made["key"]) == (200, "chat_credits")
    replay.ids["cc_1"] = made["id"]

    assert replay.send("007")[1]["data"] == [made]
    assert replay.send("025")[1]["grant"] == {
        "amount": 100,
        "amountDecimal": "100",
        "startsAt": "2026-01-15T00:00:00.000Z",
        "expiresAt": "2026-01-31T23:00:00.000Z",
        "status": "active",
    }
    assert replay.send("026")[1]["grant"]["amountDecimal"] == "0.000001"
    assert replay.send("023")[1]["data"][0]["available"] == 100.000001
    assert replay.send("024") == replay.send("023")
    assert replay.send("027")[1]["pagination"]["total"] == 0
    status, lines = replay.send("009")
    assert (status, lines["data"]) == (200, [])  # the recording asks for spends
    status, changed = replay.send("008")
    assert (status, changed["id"]) == (200, made["id"])
