"""Admission, the quick look, the journal: what is answered, and only when it is durable."""

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor

import orjson
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from receiver.errors import LONGEST_MESSAGE, Malformed, Overloaded
from receiver.inspection import Inspection
from receiver.intake import Intake, Outcome, SignalOutcome
from receiver.journal.record import Kind
from receiver.limits import Limits
from tests.receiver.receiving import Counts, ScriptedJournal, captured, spans_of, with_bad_ids

FULL = OSError(28, "No space left on device")


@pytest.fixture
def journal() -> ScriptedJournal:
    return ScriptedJournal()


@pytest.fixture
def counts() -> Counts:
    return Counts()


@pytest.fixture
def intake(journal: ScriptedJournal, counts: Counts) -> Intake:
    return Intake(journal, metrics=counts)


def signals(*keys: str | None) -> bytes:
    """A body of one signal per idempotency key."""
    return orjson.dumps(
        {"signals": [{"eventName": "e", "customer": {"externalCustomerId": "c"}, "idempotencyKey": k} for k in keys]}
    )


class TestTraces:
    def test_the_answer_waits_for_the_disk(self, intake, journal, counts):
        journal.hold = True
        answer = intake.submit_traces(captured().SerializeToString())
        assert not answer.done()
        assert counts.accepted == 0
        journal.release()
        assert answer.result(0) == Outcome(len(spans_of(captured())), 0)
        assert counts.accepted == len(spans_of(captured()))

    def test_the_journal_gets_the_bytes_as_they_came(self, intake, journal):
        payload = captured().SerializeToString()
        intake.accept_traces(payload)
        assert journal.records == [(Kind.TRACES, payload)]

    @pytest.mark.parametrize("request_", [ExportTraceServiceRequest(), ExportTraceServiceRequest(resource_spans=[{}])])
    def test_a_request_without_spans_succeeds_and_stores_nothing(self, intake, journal, request_):
        assert intake.accept_traces(request_.SerializeToString()) == Outcome(0, 0)
        assert journal.records == []

    def test_spans_with_bad_ids_are_counted_and_the_good_one_is_kept(self, intake, journal, counts):
        request, bad = with_bad_ids()
        outcome = intake.accept_traces(request.SerializeToString())
        assert (outcome.accepted, outcome.rejected) == (len(spans_of(request)) - bad, bad)
        assert "trace id" in outcome.message
        assert "span id" in outcome.message
        assert len(journal.records) == 1
        assert (counts.accepted, counts.rejected) == (outcome.accepted, bad)

    def test_a_request_of_bad_spans_only_is_still_journaled_so_that_the_reasons_are_kept(self, intake, journal):
        request = captured()
        for span in spans_of(request):
            span.trace_id = b""
        outcome = intake.accept_traces(request.SerializeToString())
        assert (outcome.accepted, outcome.rejected) == (0, len(spans_of(request)))
        assert len(journal.records) == 1

    def test_a_long_reason_is_shortened(self, journal):
        intake = Intake(journal, inspect=lambda payload: Inspection(2, 1, "long " * 10_000))
        assert len(intake.accept_traces(b"x").message) == LONGEST_MESSAGE

    def test_a_payload_that_is_no_protobuf_is_malformed(self, intake, journal):
        with pytest.raises(Malformed):
            intake.accept_traces(b"this is not protobuf")
        assert journal.records == []


class TestFaults:
    """Whatever breaks on our side, the sender keeps its data and retries."""

    def test_a_disk_that_refuses_at_once(self, intake, journal):
        journal.refuse = FULL
        with pytest.raises(Overloaded):
            intake.accept_traces(captured().SerializeToString())

    def test_a_disk_that_fails_while_writing(self, intake, journal, counts):
        journal.disk_error = FULL
        with pytest.raises(Overloaded) as refusal:
            intake.accept_traces(captured().SerializeToString())
        assert refusal.value.retry_after_seconds == intake.limits.retry_after_seconds
        assert counts.accepted == 0

    def test_a_journal_that_cancels_what_it_can_no_longer_write(self, intake, journal):
        journal.hold = True
        answer = intake.submit_traces(captured().SerializeToString())
        journal.held[0].cancel()
        with pytest.raises(Overloaded):
            answer.result(0)

    def test_a_bug_in_the_inspection_is_logged_and_retryable(self, journal, caplog):
        def broken(payload: bytes) -> Inspection:
            raise KeyError("a bug")

        with caplog.at_level(logging.ERROR), pytest.raises(Overloaded):
            Intake(journal, inspect=broken).accept_traces(b"x")
        assert "a bug" in caplog.text

    def test_a_disk_that_never_answers(self, journal):
        journal.hold = True
        intake = Intake(journal, limits=Limits(durability_seconds=0.05))
        with pytest.raises(Overloaded, match="in time"):
            intake.accept_traces(captured().SerializeToString())
        with pytest.raises(Overloaded, match="in time"):
            intake.accept_traces(captured().SerializeToString(), wait_seconds=0.01)
        journal.release()

    def test_nothing_stays_in_flight_after_any_of_them(self, intake, journal):
        payload = captured().SerializeToString()
        for error in (FULL, RuntimeError("closed")):
            journal.refuse, journal.disk_error = error, None
            with pytest.raises(Overloaded):
                intake.accept_traces(payload)
            journal.refuse, journal.disk_error = None, error
            with pytest.raises(Overloaded):
                intake.accept_traces(payload)
            with pytest.raises(Overloaded):
                intake.accept_signals(signals("a", None))
        with pytest.raises(Malformed):
            intake.accept_traces(b"no protobuf")
        with pytest.raises(Malformed):
            intake.accept_signals(b"no json")
        assert intake.admission.in_flight_bytes == 0


class TestAdmission:
    def test_bytes_in_flight_are_bounded_and_freed_when_durable(self, journal):
        payload = captured().SerializeToString()
        intake = Intake(journal, limits=Limits(max_in_flight_bytes=2 * len(payload)))
        journal.hold = True
        first, second = intake.submit_traces(payload), intake.submit_traces(payload)
        with pytest.raises(Overloaded, match="in flight"):
            intake.submit_traces(payload)
        assert intake.admission.in_flight_bytes == 2 * len(payload)
        journal.hold = False
        journal.release()
        assert first.result(0) == second.result(0)
        assert intake.admission.in_flight_bytes == 0
        intake.accept_traces(payload)

    def test_one_request_larger_than_the_bound_is_let_in_alone(self, journal):
        payload = captured().SerializeToString()
        intake = Intake(journal, limits=Limits(max_in_flight_bytes=1))
        assert intake.accept_traces(payload).rejected == 0
        journal.hold = True
        answer = intake.submit_traces(payload)
        with pytest.raises(Overloaded):
            intake.submit_traces(payload)
        journal.release()
        assert answer.done()

    def test_a_full_backlog_refuses_until_the_lake_has_caught_up(self, journal):
        backlog = 100
        intake = Intake(journal, limits=Limits(max_backlog_bytes=100), backlog=lambda: backlog)
        with pytest.raises(Overloaded, match="lake"):
            intake.accept_traces(captured().SerializeToString())
        with pytest.raises(Overloaded):
            intake.accept_signals(signals("a"))
        backlog = 99
        intake.accept_traces(captured().SerializeToString())

    def test_an_abandoned_request_cannot_take_more_room(self, intake):
        room = intake.admission.open()
        room.grow(10)
        room.release()
        room.release()
        with pytest.raises(Overloaded):
            room.grow(10)
        assert intake.admission.in_flight_bytes == 0

    def test_large_payloads_are_inspected_one_at_a_time(self, journal):
        inside, most = 0, 0
        lock = threading.Lock()

        def inspect(payload: bytes) -> Inspection:
            nonlocal inside, most
            with lock:
                inside += 1
                most = max(most, inside)
            threading.Event().wait(0.01)
            with lock:
                inside -= 1
            return Inspection(1, 0, None)

        intake = Intake(journal, limits=Limits(large_bytes=10), inspect=inspect)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(intake.accept_traces, [b"x" * 11] * 4))
            assert most == 1
            list(pool.map(intake.accept_traces, [b"x" * 10] * 4))
            assert most > 1


class TestSignals:
    def test_new_signals_are_durable_before_the_answer(self, intake, journal, counts):
        journal.hold = True
        answer = intake.submit_signals(signals("a", "b", None))
        assert not answer.done()
        journal.release()
        assert answer.result(0) == SignalOutcome(3, 0)
        assert [kind for kind, _ in journal.records] == [Kind.SIGNALS]
        assert counts.ingested == 3

    def test_the_same_key_twice_in_a_body_counts_once(self, intake, journal, counts):
        assert intake.accept_signals(signals("a", "b", "a")) == SignalOutcome(2, 1)
        assert [signal["idempotency_key"] for signal in journal.signals] == ["a", "b"]
        assert counts.duplicates == 1

    def test_signals_without_a_key_are_never_duplicates(self, intake, journal):
        assert intake.accept_signals(signals(None, None, "")) == SignalOutcome(3, 0)
        assert len({signal["signal_id"] for signal in journal.signals}) == 3

    def test_a_second_request_is_a_duplicate_before_and_after_the_lake_knows(self, journal):
        lake: set[str] = set()
        intake = Intake(journal, seen=lambda ids: lake & set(ids))
        assert intake.accept_signals(signals("a")) == SignalOutcome(1, 0)
        assert intake.accept_signals(signals("a")) == SignalOutcome(0, 1)
        lake.add(str(journal.signals[0]["signal_id"]))
        intake.claims.committed(lake)
        assert len(intake.claims) == 0
        assert intake.accept_signals(signals("a", "b")) == SignalOutcome(1, 1)
        assert len(journal.signals) == 2

    def test_what_the_journal_held_at_start_is_known(self, intake, journal):
        intake.accept_signals(signals("a"))
        restarted = Intake(ScriptedJournal())
        restarted.claims.remember(str(signal["signal_id"]) for signal in journal.signals)
        assert restarted.accept_signals(signals("a")) == SignalOutcome(0, 1)

    def test_a_body_of_duplicates_or_of_nothing_journals_nothing(self, intake, journal):
        intake.accept_signals(signals("a"))
        assert intake.accept_signals(signals("a", "a")) == SignalOutcome(0, 2)
        assert intake.accept_signals(b'{"signals":[]}') == SignalOutcome(0, 0)
        assert len(journal.records) == 1

    def test_a_duplicate_is_not_confirmed_before_the_original_is_durable(self, intake, journal):
        journal.hold = True
        original, duplicate = intake.submit_signals(signals("a")), intake.submit_signals(signals("a"))
        assert not duplicate.done()
        journal.release()
        assert (original.result(0), duplicate.result(0)) == (SignalOutcome(1, 0), SignalOutcome(0, 1))

    def test_when_the_original_fails_its_duplicate_must_retry_as_well_and_the_key_is_free(self, intake, journal):
        journal.hold = True
        original, duplicate = intake.submit_signals(signals("a")), intake.submit_signals(signals("a", "b"))
        journal.release(FULL)
        for answer in (original, duplicate):
            with pytest.raises(Overloaded):
                answer.result(0)
        journal.hold = False
        assert intake.accept_signals(signals("a", "b")) == SignalOutcome(2, 0)

    def test_a_lake_that_cannot_answer_is_retryable_and_claims_nothing(self, journal):
        def unreachable(ids: list[str]) -> set[str]:
            raise OSError("the lake is away")

        intake = Intake(journal, seen=unreachable)
        with pytest.raises(Overloaded):
            intake.accept_signals(signals("a"))
        assert len(intake.claims) == 0

    def test_many_identical_requests_at_once_ingest_one(self, journal):
        at_once = 16
        together = threading.Barrier(at_once)

        def seen(ids: list[str]) -> set[str]:
            return set()

        intake = Intake(journal, seen=seen)

        def send(_: int) -> SignalOutcome:
            together.wait()
            return intake.accept_signals(signals("a", "b"))

        with ThreadPoolExecutor(at_once) as pool:
            outcomes = list(pool.map(send, range(at_once)))
        assert sum(outcome.ingested for outcome in outcomes) == 2
        assert sum(outcome.duplicates for outcome in outcomes) == 2 * (at_once - 1)
        assert len(journal.signals) == 2

    def test_a_malformed_body_stores_nothing_of_it(self, intake, journal):
        body = orjson.loads(signals("a", "b"))
        body["signals"][1]["customer"] = None
        with pytest.raises(Malformed, match="customer"):
            intake.accept_signals(orjson.dumps(body))
        assert journal.records == []
        assert len(intake.claims) == 0


def test_the_answer_cannot_be_cancelled_by_an_impatient_waiter(intake, journal):
    journal.hold = True
    answer: Future[Outcome] = intake.submit_traces(captured().SerializeToString())
    assert not answer.cancel()
    journal.release()
    assert answer.result(0).rejected == 0
