"""Senders are buggy: whatever they put where a count, an id or a name belongs, what comes after it still lands."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lake.connect import Lake
from marginlake.landing import land
from marginlake.pipeline import merge, prepare, prepare_or_reject, without_nul
from receiver.dialects import WANTED_KEYS
from receiver.journal.record import Record
from receiver.signals.schema import SIGNALS_WANTED
from tests.analytics.stories import Story
from tests.marginlake.lakes import broken, land_batches, rest, rules, tables, traces
from tests.new_lakes import empty_lake
from tests.receiver.otlp_payloads import payload, span

KEYS = sorted(WANTED_KEYS | SIGNALS_WANTED.span_keys | {"customer.id", "product.id"})
IDS = ["\0" * 20, "it's; DROP TABLE costs --", '"' * 20, "%" * 20, "\\" * 20, "x" * 70_000, "\n" * 20, "🙂" * 20]
VALUES = [
    0, -1, 2**63 - 1, -(2**63), 1.5, float("nan"), float("inf"), 1e308, 1e-320, "", "NaN", "1e400", "-5", "x\0y", "{",
    '{"a":1}', True, b"\xff", [1, 2], ["a"], {"a": 1}, None, "99999999999999999999999", "0.1", "\u0661\u0662",
]  # fmt: skip
NOW = 1_795_468_100_123_456_789
TIMES = [0, 1, 2**63, 2**64 - 1, NOW, NOW + 10**9]


@st.composite
def odd_spans(draw: st.DrawFn) -> Record:
    """A call or signal with odd values anywhere, at odd times, anywhere in a small tree."""
    said: dict[str, object] = {
        "gen_ai.operation.name": draw(st.sampled_from(["chat", "invoke_agent", "x", 7])),
        "gen_ai.request.model": draw(st.sampled_from(["gpt-4o-mini", "", "x" * 3000, 4])),
        "gen_ai.response.id": draw(st.sampled_from(IDS)),
        "marginlake.cost_scope": draw(st.sampled_from([None, *IDS])),
    }
    said |= draw(st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=25))
    sent = span(
        said,
        trace_id=bytes([draw(st.integers(1, 3))]) * 16,
        span_id=bytes([draw(st.integers(1, 9))]) * 8,
        parent_span_id=bytes([draw(st.integers(1, 9))]) * 8,
        start_ns=draw(st.sampled_from(TIMES)),
        end_ns=draw(st.sampled_from(TIMES)),
        name=draw(st.sampled_from(["work", "paid.trace.signal", "\0"])),
    )
    return traces(payload(sent))


@settings(max_examples=3, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(odd_spans(), min_size=20, max_size=40), min_size=2, max_size=2))
def test_odd_values_are_prepared_and_land(tmp_path_factory: pytest.TempPathFactory, sent: list[list[Record]]) -> None:
    data_dir = tmp_path_factory.mktemp("odd")
    empty_lake(data_dir)
    with Lake.open(data_dir, threads=1) as lake:
        for position, batch in enumerate(sent, start=1):
            prepared = prepare_or_reject(batch, (), rules())
            assert "unreadable_record" not in prepared.rejected["reason"].to_list()
            land(lake, prepared, rules(), "test", position)
    assert broken(data_dir) == {}


def test_odd_ids_do_not_stop_what_comes_after_them(tmp_path: Path) -> None:
    """DuckLake puts the values one looks for into queries of its catalog."""
    first = [rest(b'{"signals":[{"eventName":"\\u0000","customer":{"externalCustomerId":"\\u0000"}}]}')]
    second = []
    for number, odd in enumerate(IDS, start=1):
        story = Story(number)
        first += [
            story.call(1, answer=odd, scope=odd, customer=odd),
            story.billed(2, trace=2, scope=odd, customer=odd, key=odd),
        ]
        second += [
            story.call(1, trace=3, answer=odd, scope=odd),
            story.billed(2, trace=3, scope=odd, customer=odd),
        ]
    landed = land_batches(tmp_path, [first, second])
    assert landed["cost_links"].height == 2 * len(IDS)
    assert landed["signals"].height == 2 * len(IDS) + 1
    assert broken(tmp_path) == {}


def test_only_texts_with_nul_are_touched() -> None:
    frame = pl.DataFrame({"a": ["x\0", None], "b": ["y", "z"], "c": [1, 2]})
    assert without_nul(frame).rows() == [("x\ufffd", "y", 1), (None, "z", 2)]
    assert without_nul(frame.clear()).height == 0


class TestPreparing:
    """`prepare` and its shell: nothing is dropped, and one bad record spoils no other."""

    story = Story()

    def test_nothing_gives_empty_frames_of_the_right_shape(self) -> None:
        nothing, something = prepare([], rules()), prepare([self.story.call(1)], rules())
        assert nothing.spans.schema == something.spans.schema
        assert nothing.calls.schema == something.calls.schema
        assert nothing.signals.schema == something.signals.schema
        assert merge([nothing, something]).calls.height == 1

    def test_what_is_no_request_is_rejected_with_its_place(self) -> None:
        records = [self.story.call(1), Record(7, traces(b"").kind, 1_795_468_200_000_000_000, b"\xff\xff")]
        rejected = prepare(records, rules()).rejected.row(0, named=True)
        assert (rejected["kind"], rejected["reason"], rejected["payload_seq"]) == ("span", "malformed_payload", 7)

    def test_a_batch_lands_once_however_often_it_is_committed(self, tmp_path: Path) -> None:
        """A commit whose answer was lost is made again."""
        empty_lake(tmp_path)
        prepared = prepare([self.story.call(1), self.story.billed(2)], rules())
        with Lake.open(tmp_path, threads=1) as lake:
            first = land(lake, prepared, rules(), "journal", 3)
            before = tables(lake)
            again = land(lake, prepared, rules(), "journal", 3)
            assert (first.new_spans, first.new_signals, first.known_spans) == (2, 1, 0)
            assert (again.new_spans, again.new_signals, again.known_spans) == (0, 0, 2)
            assert all(rows.equals(before[name]) for name, rows in tables(lake).items())
            assert lake.progress("journal") == 3
