"""From the journal to the lake: in order, whole, and whatever fails is tried again until it works."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import duckdb
import pytest

from marginlake import conveyor as conveyor_module
from marginlake.conveyor import Conveyor
from marginlake.pipeline import Prepared, prepare
from receiver.journal.errors import Corruption
from receiver.journal.reader import Batch
from receiver.journal.record import Record
from tests.marginlake.lakes import rules, traces
from tests.receiver.otlp_payloads import payload, span


class Pipe:
    """A journal in memory whose reads can be told to fail."""

    def __init__(self, count: int = 0) -> None:
        self.records: list[Record] = []
        self.failures: list[Exception] = []
        self.damage: list[Corruption] = []
        self.grown = threading.Condition()
        for _ in range(count):
            self.put()

    def put(self, body: bytes | None = None) -> None:
        seq = len(self.records) + 1
        sent = body or payload(span({"seq": seq}, span_id=seq.to_bytes(8, "big")))
        with self.grown:
            self.records.append(traces(sent, seq=seq))
            self.grown.notify_all()

    def read_from(self, seq: int, max_bytes: int) -> Batch:
        if self.failures:
            raise self.failures.pop(0)
        size, taken = 0, []
        for record in self.records[seq - 1 :]:
            if taken and size + len(record.payload) > max_bytes:
                break
            taken.append(record)
            size += len(record.payload)
        damage, self.damage = self.damage, []
        return Batch(taken, seq + len(taken), damage)

    def wait(self, seq: int, timeout: float) -> bool:
        with self.grown:
            return self.grown.wait_for(lambda: len(self.records) >= seq, timeout)


class Store:
    """What was committed, and when it should fail: an exception to raise, once each, or None to let it pass."""

    def __init__(self, *failures: Exception | None) -> None:
        self.failures = list(failures)
        self.batches: list[Prepared] = []
        self.positions: list[int] = []
        self.tries = 0
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, prepared: Prepared, position: int) -> None:
        self.tries += 1
        assert self.gate.wait(10)
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        self.batches.append(prepared)
        self.positions.append(position)

    @property
    def span_ids(self) -> list[int]:
        return [int(span_id, 16) for batch in self.batches for span_id in batch.spans["span_id"]]


@contextmanager
def running(
    pipe: Pipe, store: Store, *, start_at: int = 1, interval: float = 0.02, max_batch: int = 1 << 20
) -> Iterator[Conveyor]:
    carried = Conveyor(pipe, start_at, rules, store, interval_seconds=interval, max_batch_bytes=max_batch)
    carried.start()
    try:
        yield carried
    finally:
        store.gate.set()
        carried.stop(10)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 20 s"
        time.sleep(0.005)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conveyor_module, "RETRY_SECONDS", (0.01, 0.02))


def test_everything_arrives_once_and_in_order() -> None:
    pipe, store = Pipe(5), Store()
    with running(pipe, store, max_batch=400) as carried:
        for _ in range(15):
            pipe.put()
        assert carried.drain(21, 20)
        assert carried.committed == 21
    assert store.span_ids == list(range(1, 21))
    assert store.positions == sorted(set(store.positions))
    assert len(store.batches) > 1


def test_it_starts_where_the_lake_is() -> None:
    store = Store()
    with running(Pipe(5), store, start_at=4) as carried:
        assert carried.drain(6, 20)
    assert store.span_ids == [4, 5]


def test_it_tells_when_what_became_readable_was_received_and_what_waits() -> None:
    pipe, store, seen = Pipe(3), Store(OSError("disk full")), []
    store.gate.clear()
    carried = Conveyor(
        pipe, 1, rules, store, interval_seconds=0.02, max_batch_bytes=1 << 20, visible=lambda ns: seen.extend(ns)
    )
    assert carried.oldest_waiting_ns is None
    carried.start()
    until(lambda: store.tries == 1)
    received = [record.received_ns for record in pipe.read_from(1, 1 << 20).records]
    assert carried.oldest_waiting_ns == received[0]
    store.gate.set()
    assert carried.drain(4, 20)
    carried.stop(10)
    assert seen == received
    assert carried.oldest_waiting_ns is None


def test_a_count_that_fails_does_not_stop_it() -> None:
    store = Store()
    carried = Conveyor(
        Pipe(2), 1, rules, store, interval_seconds=0.02, max_batch_bytes=1 << 20, visible=lambda _: 1 / 0
    )
    carried.start()
    assert carried.drain(3, 20)
    carried.stop(10)
    assert store.span_ids == [1, 2]


def test_a_commit_that_fails_is_tried_again_and_nothing_is_lost() -> None:
    pipe, store = Pipe(3), Store(OSError("disk full"), ValueError("odd"), OSError("still full"))
    store.gate.clear()
    with running(pipe, store) as carried:
        until(lambda: store.tries == 1)
        pipe.put()
        store.gate.set()
        assert carried.drain(5, 20)
        assert carried.last_error is None
    assert store.span_ids == [1, 2, 3, 4]
    assert store.tries == 3 + len(store.batches)


def test_while_commits_fail_it_says_why() -> None:
    store = Store(*[OSError("disk full")] * 1000)
    with running(Pipe(1), store) as carried:
        until(lambda: carried.last_error is not None)
        assert carried.last_error == "OSError: disk full"
        assert carried.committed == 1
        assert not carried.drain(2, 0.1)


@pytest.mark.parametrize("error", [OSError("gone"), RuntimeError("odd")])
def test_a_journal_that_cannot_be_read_for_a_while(error: Exception) -> None:
    pipe, store = Pipe(2), Store()
    pipe.failures = [error, error]
    with running(pipe, store) as carried:
        assert carried.drain(3, 20)
        assert carried.last_error is None
    assert store.span_ids == [1, 2]


def test_memory_is_bounded_while_a_commit_hangs() -> None:
    pipe, store = Pipe(200), Store()
    store.gate.clear()
    size = len(pipe.records[0].payload)
    with running(pipe, store, max_batch=10 * size, interval=0.001) as carried:
        until(lambda: store.tries == 1)
        time.sleep(0.2)
        store.gate.set()
        assert carried.drain(201, 30)
    assert store.span_ids == list(range(1, 201))
    # What waits when a batch is full, and the piece that was being prepared meanwhile.
    assert max(batch.payload_bytes for batch in store.batches) <= 21 * size


def test_what_is_drained_does_not_wait_for_the_interval() -> None:
    pipe, store = Pipe(1), Store()
    with running(pipe, store, interval=60) as carried:
        until(lambda: carried.committed == 2)
        pipe.put()
        started = time.monotonic()
        assert carried.drain(3, 20)
        assert time.monotonic() - started < 15
    assert store.span_ids == [1, 2]


class Squeamish(Store):
    """A lake that refuses the whole batch as long as one span is in it."""

    def __init__(self, bad: int) -> None:
        super().__init__()
        self.bad = f"{bad:016x}"

    def __call__(self, prepared: Prepared, position: int) -> None:
        if self.bad in prepared.spans["span_id"]:
            self.tries += 1
            raise duckdb.ConversionException("this span does not fit")
        super().__call__(prepared, position)


def test_a_record_that_the_lake_refuses_holds_up_no_other() -> None:
    pipe, store = Pipe(9), Squeamish(bad=4)
    with running(pipe, store) as carried:
        assert carried.drain(10, 20)
        assert carried.last_error is None
    assert store.span_ids == [1, 2, 3, 5, 6, 7, 8, 9]
    refused = [row for batch in store.batches for row in batch.rejected.iter_rows(named=True)]
    assert [(row["reason"], row["payload_seq"]) for row in refused] == [("refused_by_the_lake", 4)]
    assert "this span does not fit" in refused[0]["detail"]


def test_a_lake_that_refuses_everything_is_at_fault_itself() -> None:
    store = Store(*[duckdb.CatalogException("no table spans")] * 20)
    with running(Pipe(2), store) as carried:
        assert carried.drain(3, 20)
    assert store.span_ids == [1, 2], "nothing was put aside"


def test_stopped_in_the_middle_the_rest_is_taken_up_at_the_next_start() -> None:
    pipe, store = Pipe(3), Store(*[OSError("disk full")] * 1000)
    with running(pipe, store) as carried:
        until(lambda: store.tries > 2)
        started = time.monotonic()
        carried.stop(10)
        assert time.monotonic() - started < 5
        assert carried.committed == 1
    healthy = Store()
    with running(pipe, healthy, start_at=carried.committed) as carried:
        assert carried.drain(4, 20)
    assert healthy.span_ids == [1, 2, 3]


def test_a_record_that_breaks_a_stage_is_put_aside_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def fragile(records: list[Record], given: object) -> Prepared:
        if any(b"poison" in record.payload for record in records):
            raise ZeroDivisionError("a bug of ours")
        return prepare(records, rules())

    monkeypatch.setattr("marginlake.pipeline.prepare", fragile)
    pipe, store = Pipe(2), Store()
    pipe.put(b"poison")
    pipe.put()
    with running(pipe, store) as carried:
        assert carried.drain(5, 20)
    assert store.span_ids == [1, 2, 4]
    rejected = [row for batch in store.batches for row in batch.rejected.to_dicts()]
    assert [(row["kind"], row["reason"], row["detail"], row["payload_seq"]) for row in rejected] == [
        ("record", "unreadable_record", "ZeroDivisionError: a bug of ours", 3)
    ]


def test_damage_of_the_journal_is_recorded() -> None:
    pipe, store = Pipe(1), Store()
    pipe.damage = [Corruption("0001.mlj", 100, 40, "the checksum is wrong", (7, 8))]
    with running(pipe, store) as carried:
        assert carried.drain(2, 20)
    row = store.batches[0].rejected.row(0, named=True)
    assert (row["reason"], row["payload_seq"]) == ("journal_damage", 7)
    assert row["detail"] == "the checksum is wrong: 0001.mlj at byte 100, 40 bytes; records 7 to 8"
