"""Alerts on a real lake and their way to a webhook: told once, tried again, and kept across restarts."""

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lake.connect import Lake
from marginlake.alert_delivery import RETRIES, Delivered, deliver_due, next_due
from marginlake.alert_settings import AlertSettings, alert_settings
from marginlake.alert_store import look, record
from marginlake.config import Config
from tests.lake.rows import NOON, cost, frame
from tests.marginlake.receiving import OLD_SECRET, SECRET, Receiver
from tests.new_lakes import empty_lake

NOW = NOON + timedelta(hours=1)
DAILY = {"name": "costly", "kind": "daily_cost_above", "above": "1.5", "each": "customer", "severity": "critical"}


def settings(url: str | None = None, rules: tuple[dict[str, Any], ...] = (DAILY,), **said: Any) -> AlertSettings:
    webhook = {} if url is None else {"webhook": url, "secret": SECRET, "timeout_seconds": 0.5}
    return alert_settings(Config(alert=rules, alerts={**webhook, **said}))  # type: ignore[arg-type]


def spend(lake: Lake, *spent: tuple[str, str]) -> None:
    """Calls of customers that nobody claims."""
    held = lake.read("SELECT count(*) FROM costs").item()
    rows = [cost(held + number, usd, customer_id=customer) for number, (customer, usd) in enumerate(spent, 1)]
    with lake.transaction() as tx:
        tx.append("costs", frame("costs", rows))


def check(lake: Lake, using: AlertSettings, now: datetime = NOW) -> pl.DataFrame:
    return record(lake, using, look(lake, using, now), now)


def alerts(lake: Lake, columns: str) -> list[tuple[Any, ...]]:
    return lake.read(f"SELECT {columns} FROM alerts ORDER BY customer_id").rows()


def snapshots(lake: Lake) -> int:
    count: int = lake.read("SELECT count(*) FROM ducklake_snapshots('lake')").item()
    return count


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    empty_lake(tmp_path)
    with Lake.open(tmp_path, threads=1) as opened:
        spend(opened, ("acme", "1"), ("acme", "0.500000000001"), ("globex", "1.5"))
        yield opened


def test_what_is_found_is_a_row_and_found_again_it_writes_nothing(lake: Lake) -> None:
    using = settings()
    assert check(lake, using).height == 1
    before = snapshots(lake)
    for minutes in range(10):
        assert check(lake, using, NOW + timedelta(minutes=minutes)).is_empty()
    assert snapshots(lake) == before
    assert alerts(lake, "rule, severity, customer_id, value, threshold, unit, state, fired_at, next_attempt_at") == [
        ("costly", "critical", "acme", Decimal("1.500000000001"), Decimal("1.5"), "USD", "firing", NOW, None)
    ]


def test_late_costs_of_yesterday_are_looked_at_for_two_days(lake: Lake) -> None:
    using = settings()
    assert check(lake, using, NOW + timedelta(days=3)).is_empty()
    (row,) = check(lake, using, NOW + timedelta(days=2)).iter_rows(named=True)
    assert (row["customer_id"], row["window_start"], row["fired_at"]) == (
        "acme", NOON.replace(hour=0), NOW + timedelta(days=2),
    )  # fmt: skip


def test_a_message_is_sent_once_and_says_everything(lake: Lake) -> None:
    with Receiver() as receiver:
        using = settings(receiver.url)
        for _ in range(10):
            check(lake, using)
            assert using.target is not None
            deliver_due(lake, using.target, clock=lambda: NOW)
        (message,) = receiver.messages
        ((alert_id, delivered_at, attempts),) = alerts(lake, "alert_id, delivered_at, attempts")
        assert receiver.ids == [f"{alert_id}_firing"]
    assert (delivered_at, attempts) == (NOW, 1)
    assert message == {
        "type": "alert.firing",
        "timestamp": "2026-11-01T13:00:00Z",
        "data": {
            "alert_id": alert_id, "rule": "costly", "kind": "daily_cost_above", "severity": "critical",
            "state": "firing", "customer_id": "acme", "product_id": None, "event_name": None,
            "window_start": "2026-11-01T00:00:00Z", "window_end": "2026-11-02T00:00:00Z", "level": None,
            "value": "1.500000000001", "threshold": "1.500000000000", "unit": "USD", "note": None,
            "fired_at": "2026-11-01T13:00:00Z", "resolved_at": None,
        },
    }  # fmt: skip


def test_what_goes_away_is_told_too(lake: Lake) -> None:
    with Receiver() as receiver:
        using = settings(receiver.url)
        assert using.target is not None
        check(lake, using)
        deliver_due(lake, using.target, clock=lambda: NOW)
        with lake.transaction() as tx:
            tx.delete("costs", pl.DataFrame({"customer_id": ["acme"]}))
        later = NOW + timedelta(hours=1)
        assert check(lake, using, later)["state"].to_list() == ["resolved"]
        deliver_due(lake, using.target, clock=lambda: later)
        assert [message["type"] for message in receiver.messages] == ["alert.firing", "alert.resolved"]
        assert len(set(receiver.ids)) == 2
        # and coming back in the same window it is not told again
        spend(lake, ("acme", "7"))
        assert check(lake, using, later).is_empty()


def test_a_failure_is_tried_again_later_and_later(lake: Lake) -> None:
    with Receiver([500, 0, 302, 200], silence=1.0) as receiver:
        using = settings(receiver.url)
        assert using.target is not None
        check(lake, using)
        moment, told = NOW, []
        for _ in range(4):
            deliver_due(lake, using.target, lambda: moment, chance=lambda: 0.0)  # noqa: B023
            told += alerts(lake, "attempts, last_error, next_attempt_at, delivered_at")
            # nothing is sent before its time
            just_before = (told[-1][2] or moment) - timedelta(seconds=1)
            assert deliver_due(lake, using.target, lambda: just_before) == Delivered()  # noqa: B023
            moment = told[-1][2] or moment
        assert len(set(receiver.ids)) == 1
    first, second = NOW + RETRIES[0], NOW + RETRIES[0] + RETRIES[1]
    assert told == [
        (1, "answered 500", first, None),
        (2, "no answer in time", second, None),
        (3, "answered 302", second + RETRIES[2], None),
        (4, None, None, second + RETRIES[2]),
    ]


def test_after_the_tenth_failure_it_is_given_up(lake: Lake) -> None:
    with Receiver([503]) as receiver:
        using = settings(receiver.url)
        assert using.target is not None
        check(lake, using)
        while (moment := next_due(lake)) is not None:
            due = moment
            deliver_due(lake, using.target, lambda: due)  # noqa: B023
        assert len(receiver.ids) == len(RETRIES) + 1
    assert alerts(lake, "attempts, delivered_at, last_error") == [(10, None, "answered 503")]


def test_who_is_gone_is_not_asked_again(lake: Lake) -> None:
    with Receiver([410]) as receiver:
        using = settings(receiver.url)
        assert using.target is not None
        check(lake, using)
        assert deliver_due(lake, using.target, clock=lambda: NOW) == Delivered(gone=1)
        assert next_due(lake) is None
        assert deliver_due(lake, using.target, clock=lambda: NOW + timedelta(days=1)) == Delivered()
        assert len(receiver.ids) == 1


def test_a_secret_can_be_replaced(lake: Lake) -> None:
    with Receiver(secret=OLD_SECRET) as receiver:
        using = settings(receiver.url, previous_secret=OLD_SECRET)
        assert using.target is not None
        check(lake, using)
        assert deliver_due(lake, using.target, clock=lambda: NOW) == Delivered(delivered=1)


def test_many_go_out_a_few_at_a_time_and_once_each(lake: Lake) -> None:
    spend(lake, *((f"customer-{number:03}", "2") for number in range(70)))
    with Receiver([*[500] * 5, 200]) as receiver:
        using = settings(receiver.url)
        assert using.target is not None
        assert check(lake, using).height == 71
        assert deliver_due(lake, using.target, clock=lambda: NOW) == Delivered(delivered=66, failed=5)
        assert deliver_due(lake, using.target, clock=lambda: NOW + timedelta(seconds=7)) == Delivered(delivered=5)
        assert receiver.most_at_once <= 8
        assert len(receiver.ids) == 76
        assert len(set(receiver.ids)) == 71
    assert set(lake.read("SELECT attempts FROM alerts")["attempts"]) == {1, 2}


def test_what_one_process_is_sending_another_does_not_send(lake: Lake) -> None:
    with Receiver([0], silence=5.0) as receiver, Lake.open(lake.data_dir, threads=1) as other:
        using = settings(receiver.url, timeout_seconds=5)
        assert using.target is not None
        check(lake, using)
        assert check(other, using).is_empty()
        sending = threading.Thread(target=deliver_due, args=(lake, using.target, lambda: NOW))
        sending.start()
        receiver.wait(1)
        assert deliver_due(other, using.target, lambda: NOW) == Delivered()
        sending.join()
        assert len(receiver.ids) == 1
    assert alerts(lake, "attempts, delivered_at") == [(1, None)]
