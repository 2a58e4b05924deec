"""What the Paid SDKs send at the edges, with their recorded traffic: signals, links by trace, calls seen twice.

The numbers are those of the list of edge cases in docs/linking.md, which names a test for every case.
"""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from lake.connect import Lake
from receiver.journal.record import Record
from tests.marginlake.lakes import broken, differences, land_into, tables
from tests.marginlake.paid_stories import (
    CHAT,
    GEMINI,
    MESSAGE,
    retold,
    rules,
    say,
    signal,
    story,
    tell,
)  # fmt: skip
from tests.new_lakes import empty_lake

REVENUE = Decimal("0.058")
BOTH = CHAT + MESSAGE


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    empty_lake(tmp_path)
    with Lake.open(tmp_path, threads=1) as opened:
        yield opened


def another_signal(records: tuple[Record, ...], event: str) -> list[Record]:
    """The story's own signal once more, as another span and event of the trace."""

    def only_the_signal(span: Span) -> bool:
        span.span_id = b"\x09" * 8
        say(span, event_name=event)
        return span.name == "paid.trace.signal"

    return retold(records, only_the_signal)


@pytest.mark.parametrize("sent", ["node_signal_last", "node_signal_between"])
def test_04_a_cost_traced_signal_bears_its_trace_s_calls_sent_before_or_after_it(lake: Lake, sent: str) -> None:
    books = tell(lake, story(sent))
    assert books.links == [("chat_message", "trace", CHAT), ("chat_message", "trace", MESSAGE)]
    assert books.events == [("chat_message", "cust_1", "complete", BOTH, REVENUE, REVENUE - BOTH)]
    assert books.unclaimed == {}


LLM_CALL = Decimal("0.0045")  # gpt-4o: 1,000 in at $2.50 and 200 out at $10 a million


def test_06_in_one_trace_a_scope_link_goes_before_a_trace_link_and_nothing_is_borne_twice(lake: Lake) -> None:
    """Two `cost_attributed_signal` and a cost-traced `signal()` in one block."""
    books = tell(lake, story("python_mixed_links"))
    assert books.links == [("email_sent", "scope", LLM_CALL)]
    five_mails = Decimal("0.05")
    assert books.events == [
        ("chat_message", "cust_1", "no_calls", 0, REVENUE, REVENUE),
        ("email_sent", "cust_1", "complete", LLM_CALL, five_mails, five_mails - LLM_CALL),
        ("email_sent2", "cust_1", "no_calls", 0, None, None),
        ("plain_signal", "cust_1", "untraced", None, None, None),
    ]


def test_06_the_trace_link_takes_what_no_scope_claims(lake: Lake) -> None:
    """The same without the REST call that claims the first scope."""
    books = tell(lake, story("python_mixed_links")[1:])
    assert books.links == [("chat_message", "trace", LLM_CALL)]
    assert books.total == LLM_CALL


def test_07_several_cost_traced_signals_of_a_trace_share_its_costs(lake: Lake) -> None:
    sent = story("node_signal_last")
    books = tell(lake, [*sent, *another_signal(sent, "email_sent")])
    halves = [CHAT / 2, MESSAGE / 2]
    assert books.links == [(name, "trace_split", half) for name in ("chat_message", "email_sent") for half in halves]
    assert [event[3] for event in books.events] == [BOTH / 2, BOTH / 2]
    assert books.total == BOTH


def test_07_with_attribution_each_every_event_shows_all_of_it_and_totals_count_it_once(lake: Lake) -> None:
    sent = story("node_signal_last")
    books = tell(lake, [*sent, *another_signal(sent, "email_sent")], rules("each"))
    assert [event[3] for event in books.events] == [BOTH, BOTH]
    assert books.read("SELECT cost_repeated FROM event_margins") == [(True,), (True,)]
    assert {rule for _, rule, _ in books.links} == {"trace_split"}
    assert books.read("SELECT sum(cost_usd) FROM cost_links") == [(BOTH,)]
    assert books.read("SELECT cost_usd FROM margin_monthly WHERE customer_id = 'cust_1'") == [(BOTH,)]


def test_07_three_signals_split_to_the_last_picodollar(lake: Lake) -> None:
    sent = story("node_wrapper")
    one, two = another_signal(sent, "email_sent"), another_signal(sent, "report")
    two = retold(two, lambda span: setattr(span, "span_id", b"\x08" * 8))
    books = tell(lake, [*sent, *one, *two])
    assert {rule for _, rule, _ in books.links} == {"trace_split"}
    assert books.read("SELECT sum(cost_usd), count(*) FROM cost_links") == [(Decimal("0.000102"), 6)]


def test_untraced_signals_bear_nothing_and_their_trace_s_costs_stay_unclaimed(lake: Lake) -> None:
    def plain(span: Span) -> None:
        if span.name == "paid.trace.signal":
            say(span, enable_cost_tracing=None, data='{"a":1}')

    books = tell(lake, retold(story("node_signal_last"), plain))
    assert books.events == [("chat_message", "cust_1", "untraced", None, REVENUE, None)]
    assert books.unclaimed == {"cust_1": BOTH}


def test_08_blocks_and_signals_cost_nothing_and_a_call_without_usage_is_unpriced(lake: Lake) -> None:
    """Anthropic's async streams have model and response id, and no token counts."""

    def stream(span: Span) -> None:
        if "Anthropic" in span.name:
            counts = ("prompt", "completion", "total", "prompt_details.cache_read", "prompt_details.cache_write")
            say(span, **{f"llm.token_count.{name}": None for name in counts})
            span.name = "paid.trace.AsyncMessagesStream"

    books = tell(lake, retold(story("node_signal_last"), stream))
    assert [call[2:] for call in books.calls] == [("priced", CHAT), ("unpriced", None)]
    assert books.events == [("chat_message", "cust_1", "partial", CHAT, REVENUE, None)]
    assert books.links == [("chat_message", "trace", CHAT), ("chat_message", "trace", None)]


def test_08_a_failed_call_is_kept_and_costs_nothing(lake: Lake) -> None:
    def failed(span: Span) -> None:
        if "Anthropic" in span.name:
            counts = ("prompt", "completion", "total", "prompt_details.cache_read", "prompt_details.cache_write")
            say(span, **{f"llm.token_count.{name}": None for name in counts})
            span.status.code = 2

    books = tell(lake, retold(story("node_signal_last"), failed))
    assert [call[2:] for call in books.calls] == [("priced", CHAT), ("zero_rated", 0)]
    assert books.events == [("chat_message", "cust_1", "complete", CHAT, REVENUE, REVENUE - CHAT)]


def test_08_a_block_that_ended_in_an_error_has_no_cost(lake: Lake) -> None:
    books = tell(lake, story("python_failed_block"))
    assert (books.calls, books.events) == ([], [])
    assert books.read("SELECT name, customer_id, status FROM spans") == [
        ("paid.trace.parent_span", "cust_err", "error")
    ]


def test_09_a_wrapper_around_an_instrumented_client_is_one_call(lake: Lake) -> None:
    """PaidOpenAI of Node over openai that is instrumented as well; the inner one knows of the cache."""
    wrapped = story("node_wrapper")
    place: dict[str, Any] = {}

    def wrapper(span: Span) -> None:
        if span.name == "paid.trace.trace.openai.chat":
            place.update(
                trace=span.trace_id, span=span.span_id, start=span.start_time_unix_nano, end=span.end_time_unix_nano
            )

    retold(wrapped, wrapper)

    def inside(span: Span) -> bool:
        span.trace_id, span.parent_span_id = place["trace"], place["span"]
        span.start_time_unix_nano, span.end_time_unix_nano = place["start"] + 1000, place["end"] - 1000
        return "OpenAI" in span.name

    books = tell(lake, [*wrapped, *retold(story("node_signal_last"), inside)])
    assert [call[3] for call in books.calls] == [CHAT, Decimal("0.000075")], "the richer one, and the other call"
    assert books.read("SELECT dedup FROM costs WHERE status = 'aggregate'") == [("nested",)]
    assert books.events[0][3] == CHAT + Decimal("0.000075")


def test_09_the_ai_sdk_s_outer_span_repeats_its_inner_one(lake: Lake) -> None:
    sent = story("node_ai_sdk")

    def outer(span: Span) -> bool:
        if not span.name.endswith("doGenerate"):
            return False
        span.name = "paid.trace.ai.generateText"
        span.span_id = b"\x05" * 8
        gone = ("gen_ai.request.model", "gen_ai.response.model", "event_name", "ai.response.model")
        counts = tuple(f"gen_ai.usage.{name}_tokens" for name in ("input", "output", "total"))
        say(span, **dict.fromkeys((*gone, *counts)))
        return True

    def inner(span: Span) -> None:
        if span.name.endswith("doGenerate"):
            span.parent_span_id = b"\x05" * 8

    books = tell(lake, [*retold(sent, outer), *retold(sent, inner)])
    assert [call[2:] for call in books.calls] == [("priced", Decimal("0.000075"))]


def test_10_a_request_sent_again_in_another_commit_changes_nothing(lake: Lake) -> None:
    sent = list(story("python_stale_scope"))
    before = land_into(lake, [sent], rules())
    assert differences(land_into(lake, [sent[:1], sent, sent[::-1]], rules()), before) == []
    assert broken(lake) == {}


@pytest.mark.parametrize("sent", ["node_wrapper", "python_0.6"])
def test_11_keys_that_old_sdks_put_into_spans_are_not_stored(lake: Lake, sent: str) -> None:
    """Node's wrappers: span attribute `token`; Python 0.x: resource attribute `api.key`."""
    assert any(b"pk_" in record.payload for record in story(sent))
    books = tell(lake, story(sent))
    for name, rows in tables(books.lake).items():
        assert not any("pk_" in str(value) for row in rows.iter_rows() for value in row), name


def test_13_a_signal_is_the_span_of_that_name_not_any_with_an_event_name(lake: Lake) -> None:
    """Spans of the AI SDK carry `event_name = "llm"`."""
    books = tell(lake, story("node_ai_sdk"))
    assert books.events == []
    assert books.unclaimed == {"cust_1": Decimal("0.000075")}


def test_14_a_signal_without_data_and_one_with_nothing_but_the_sdk_s_own_are_events_of_one(lake: Lake) -> None:
    books = tell(lake, [*story("python_plain_signal"), *story("node_wrapper")])
    assert books.read("SELECT event_name, quantity, data, cost_traced FROM signals ORDER BY event_name") == [
        ("chat_message", 1, "{}", True),
        ("e", 1, None, False),
    ]


def test_14_the_sdk_s_own_key_is_taken_out_of_the_data(lake: Lake) -> None:
    books = tell(lake, story("python_mixed_links"))
    assert books.read("SELECT data FROM signals WHERE event_name = 'chat_message'") == [('{"tokens":350}',)]
    kept = books.read("SELECT data FROM signals WHERE event_name = 'email_sent'")
    assert kept == [('{"quantity":5,"external_user_id":"usr_1"}',)]


def test_15_a_signal_outside_every_block_is_kept_and_is_nobody_s(lake: Lake) -> None:
    books = tell(lake, story("python_outside"))
    assert books.events == [("outside", None, "no_calls", 0, None, None)]


@pytest.mark.parametrize(
    ("said", "earned"),
    [
        ({}, "0.01"),
        ({"quantity": 5}, "0.05"),
        ({"quantity": "2.5"}, "0.025"),
        ({"quantity": 0}, "0"),
        ({"quantity": -1}, None),
        ({"quantity": "many"}, None),
    ],
)
def test_19_quantities_missing_zero_negative_and_no_number(
    lake: Lake, said: dict[str, object], earned: str | None
) -> None:
    """Missing is 1; 0 earns nothing; what is negative or no number is unknown, never zero."""
    books = tell(lake, [signal("email_sent", data=said)])
    assert books.events[0][4] == (None if earned is None else Decimal(earned))


def test_20_a_backdated_signal_belongs_to_the_month_in_which_it_happened(lake: Lake) -> None:
    books = tell(lake, [signal("chat_message", timestamp="2026-01-31T23:00:00Z")])
    when = "strftime(occurred_at, '%Y-%m-%d'), strftime(received_at, '%Y-%m-%d')"
    assert books.read(f"SELECT {when} FROM signals") == [("2026-01-31", "2026-11-23")]
    assert books.read("SELECT strftime(month, '%Y-%m'), revenue_usd FROM margin_monthly") == [("2026-01", REVENUE)]


def test_29_snake_case_event_names_are_taken(lake: Lake) -> None:
    books = tell(lake, [signal(event_name="chat_message")])
    assert books.events == [("chat_message", "cust_1", "untraced", None, REVENUE, None)]


def test_30_a_span_that_ends_twice_counts_once_as_it_ended_last(lake: Lake) -> None:
    """`streamText` of Node: first without usage, then with it."""

    def without_usage(span: Span) -> bool:
        counts = tuple(f"gen_ai.usage.{name}_tokens" for name in ("input", "output"))
        say(span, **dict.fromkeys(counts))
        span.end_time_unix_nano -= 1_000_000
        return span.name == "paid.trace.trace.openai.chat"

    sent = story("node_wrapper")
    books = tell(lake, [*retold(sent, without_usage), *sent])
    assert [call[3] for call in books.calls] == [Decimal("0.000027"), Decimal("0.000075")]
    assert books.read("SELECT count(*) FROM rejected") == [(1,)]


def test_twins_of_one_call_in_two_traces_cost_the_trace_that_holds_the_signal(lake: Lake) -> None:
    """The provider's response id says that it is one call."""

    def named(span: Span) -> None:
        if "Anthropic" in span.name:
            say(span, **{"gen_ai.response.id": "msg_01XFDUDYJgAACzvnptvVoYEL"})

    def seen_elsewhere(span: Span) -> bool:
        named(span)
        span.trace_id, span.parent_span_id = b"\x01" * 16, b""
        say(span, external_customer_id=None, external_agent_id=None)
        return "Anthropic" in span.name

    sent = story("node_signal_last")
    books = tell(lake, [*retold(sent, seen_elsewhere), *retold(sent, named)])
    assert books.links == [("chat_message", "trace", CHAT), ("chat_message", "trace", MESSAGE)]
    assert books.total == BOTH
    assert books.unclaimed == {}


def test_a_customer_s_calls_of_another_customer_s_trace_are_not_his(lake: Lake) -> None:
    """A cost-traced signal bears the calls of its trace, but not those that name another customer."""

    def another(span: Span) -> None:
        if "Anthropic" in span.name:
            say(span, external_customer_id="cust_2")

    books = tell(lake, retold(story("node_signal_last"), another))
    assert books.links == [("chat_message", "trace", CHAT)]
    assert books.unclaimed == {"cust_2": MESSAGE}


def test_sampled_calls_give_the_observed_and_the_estimated_cost(lake: Lake) -> None:
    def one_in_four(span: Span) -> None:
        span.trace_state = "ot=th:c"

    books = tell(lake, retold(story("node_signal_last"), one_in_four))
    assert books.read("SELECT cost_usd, estimated_cost_usd FROM margin_monthly") == [(BOTH, 4 * BOTH)]
    assert books.events[0][3] == BOTH


def test_short_response_ids_never_join_calls(lake: Lake) -> None:
    """The recorded `msg_01` and `gem-1` occur in two blocks: those are other calls."""
    books = tell(lake, [*story("python_one_scope"), *story("python_stale_scope")])
    assert [call[3] for call in books.calls].count(MESSAGE) == 2
    assert [call[3] for call in books.calls].count(GEMINI) == 2
