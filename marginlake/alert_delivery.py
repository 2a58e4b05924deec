"""The outbox of alerts: rows that are due are claimed, sent, and what came of it is written back.

The claim is committed before anything is sent, so that two processes never send one message at the same time. When the
process dies in between, the message is sent again once its claim has run out: at least once, always with the same id.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from queue import Empty, SimpleQueue
from typing import Any, Final

import orjson
import polars as pl

from lake.commit import Transaction
from lake.connect import Lake
from lake.definitions import quoted
from lake.schema import TABLES
from marginlake.webhooks import Answer, Target, post

RETRIES: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1800, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
)
"""How long to wait after each failure; after the last of them it is given up."""

JITTER: Final = 0.2
"""A wait is up to so much longer, so that what failed together does not come back together."""

_BATCH: Final = 32
_PARALLEL: Final = 8
_SLACK: Final = timedelta(seconds=10)
_ALERTS = TABLES["alerts"].polars_schema
_DATA: Final = (
    "alert_id", "rule", "kind", "severity", "state", "customer_id", "product_id", "event_name", "window_start",
    "window_end", "level", "value", "threshold", "unit", "note", "fired_at", "resolved_at",
)  # fmt: skip


@dataclass(frozen=True)
class Delivered:
    """How many messages were taken, refused for good, or are to be tried again (or given up)."""

    delivered: int = 0
    gone: int = 0
    failed: int = 0


def deliver_due(
    lake: Lake,
    to: Target,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    stop: Callable[[], bool] = lambda: False,
    chance: Callable[[], float] = random.random,
) -> Delivered:
    """Send all that is due, a batch at a time. Raises LakeError or duckdb.Error, after which it can be called again."""
    total: Counter[str] = Counter()
    while not stop():
        now = clock()
        if (first := next_due(lake)) is None or first > now:
            break
        total.update(_deliver_batch(lake, to, now, clock, chance))
    return Delivered(total["delivered"], total["gone"], total["failed"])


def _deliver_batch(
    lake: Lake, to: Target, now: datetime, clock: Callable[[], datetime], chance: Callable[[], float]
) -> list[str]:
    """Claim, send, write back; returns the outcomes."""
    claimed = lake.run(lambda tx: _claim(tx, now, _lease(to)))
    answers = _send(claimed, to)
    if answers:
        lake.run(lambda tx: _record(tx, claimed, answers, clock(), chance))
    return [answer.outcome for answer in answers.values()]


def next_due(lake: Lake) -> datetime | None:
    """When the next message is due; None when none waits."""
    found: datetime | None = lake.read("SELECT min(next_attempt_at) FROM alerts WHERE delivered_at IS NULL").item()
    return found


def message(row: Mapping[str, Any]) -> tuple[str, bytes]:
    """Id and body of what is said about a row of `alerts`: the same for every attempt. Figures are decimal texts."""
    moment = row["fired_at"] if row["state"] == "firing" else row["resolved_at"]
    data = {name: row[name] for name in _DATA}
    body = {"type": f"alert.{row['state']}", "timestamp": moment, "data": data}
    return f"{row['alert_id']}_{row['state']}", orjson.dumps(body, default=_plain, option=orjson.OPT_UTC_Z)


def _plain(value: object) -> str:
    return f"{value:f}"


def _lease(to: Target) -> timedelta:
    """For how long a batch may be under way."""
    return timedelta(seconds=to.timeout * (_BATCH // _PARALLEL)) + _SLACK


def _claim(tx: Transaction, now: datetime, lease: timedelta) -> pl.DataFrame:
    """The rows to send now, marked as begun."""
    rows = tx.read(
        f"SELECT * FROM alerts WHERE delivered_at IS NULL AND next_attempt_at <= '{now.isoformat()}'::TIMESTAMPTZ "
        f"ORDER BY next_attempt_at, alert_id LIMIT {_BATCH}"
    ).cast(_ALERTS)
    claimed = rows.with_columns(attempts=pl.col("attempts") + 1, next_attempt_at=pl.lit(now + lease))
    claimed = claimed.cast(_ALERTS)
    tx.replace("alerts", claimed.select("alert_id"), claimed)
    return claimed


def _send(rows: pl.DataFrame, to: Target) -> dict[str, Answer]:
    """The answer to each row's message, by alert_id. Whatever a receiver does, this ends within the lease."""
    waiting: SimpleQueue[tuple[str, str, bytes]] = SimpleQueue()
    answers: SimpleQueue[tuple[str, Answer]] = SimpleQueue()
    for row in rows.iter_rows(named=True):
        waiting.put((row["alert_id"], *message(row)))

    until = time.monotonic() + to.timeout * (_BATCH // _PARALLEL) + 1

    def work() -> None:
        while time.monotonic() < until:
            try:
                alert_id, message_id, body = waiting.get_nowait()
            except Empty:
                return
            answers.put((alert_id, post(to, message_id, int(time.time()), body)))

    for _ in range(min(_PARALLEL, rows.height)):
        threading.Thread(target=work, name="marginlake-webhook", daemon=True).start()
    said: dict[str, Answer] = {}
    while len(said) < rows.height and (left := until - time.monotonic()) > 0:
        try:
            alert_id, answer = answers.get(timeout=left)
        except Empty:
            break
        said[alert_id] = answer
    late = Answer("failed", "no answer in time")
    return {alert_id: said.get(alert_id, late) for alert_id in rows["alert_id"]}


def _record(
    tx: Transaction,
    claimed: pl.DataFrame,
    answers: Mapping[str, Answer],
    now: datetime,
    chance: Callable[[], float],
) -> None:
    """Write what came of the messages. A row that was resolved meanwhile has another message to send, and stays."""
    wanted = ", ".join(quoted(alert_id) for alert_id in answers)
    stored = tx.read(f"SELECT * FROM alerts WHERE alert_id IN ({wanted})").cast(_ALERTS)
    same = stored.join(claimed, on=["alert_id", "state", "attempts"], how="semi", maintain_order="left")
    outcomes = [answers[alert_id] for alert_id in same["alert_id"]]
    tries = same["attempts"].to_list()
    changed = same.with_columns(
        pl.Series("delivered_at", [now if answer.outcome == "delivered" else None for answer in outcomes]),
        pl.Series(
            "next_attempt_at",
            [
                _retry_at(now, count, chance) if answer.outcome == "failed" else None
                for answer, count in zip(outcomes, tries, strict=True)
            ],
        ),
        pl.Series("last_error", [answer.error or None for answer in outcomes]),
    ).cast(_ALERTS)
    tx.replace("alerts", changed.select("alert_id"), changed)


def _retry_at(now: datetime, attempts: int, chance: Callable[[], float]) -> datetime | None:
    if attempts > len(RETRIES):
        return None
    return now + RETRIES[attempts - 1] * (1 + JITTER * chance())
