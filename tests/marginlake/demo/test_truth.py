"""What the demo claims to have sent, checked against a tiny plan that a reader can add up by hand."""

from datetime import UTC, datetime
from decimal import Decimal

from marginlake.demo import dialects, story, truth
from marginlake.demo.plan import Call, Plan, Signal, Span, Tokens, Trace, sequence

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
RULES = [
    {"product": "copilot", "event": "answered", "unit_price_usd": "0.10"},
    {"product": "copilot", "event": "answered", "customer": "b", "unit_price_usd": "0.05"},
    {"product": "copilot", "event": "read", "credits": "2", "credit_value_usd": "0.015", "quantity_path": "pages"},
]


def one_trace(*calls, customer="a", signals=(), aggregate=False):
    spans = [dialects.genai(call, 10) for call in calls]
    signal_spans = [Span("paid.trace.signal", dialects.PAID, {}, signal=signal) for signal in signals]
    outer = Span("agent", dialects.AGENTS, {}, aggregate=aggregate)
    return Trace("svc", NOW, sequence(outer, *spans, *signal_spans), customer, "copilot")


def test_calls_are_counted_by_what_the_lake_must_say_of_them():
    known = Call("openai", "gpt-6-sol", "r1", Tokens(input=100, cache_read=60, output=20, reasoning=5))
    failed = Call("openai", "gpt-6-sol", "r2", None, failed=True)
    silent = Call("openai", "gpt-6-sol", "r3", None)
    strange = Call("in-house", "x", "r4", Tokens(input=7, output=3), known_model=False)

    told = truth.of(Plan((one_trace(known, failed, silent, strange, aggregate=True),), ()), [])

    assert (told.calls, told.priced, told.zero_rated, told.unpriced, told.aggregates) == (4, 1, 1, 2, 1)
    assert told.tokens == Tokens(input=107, cache_read=60, output=23, reasoning=5)
    assert told.unclaimed_calls == 4
    assert told.spans == 5


def test_a_signal_bears_the_calls_of_its_trace_and_two_signals_both_count_them():
    call = Call("openai", "gpt-6-sol", "r1", Tokens(input=1, output=1))
    sent, scored = Signal("answered", "copilot", "a"), Signal("scored", "copilot", "a")
    untraced = Signal("seat", "copilot", "a", traced=False)

    told = truth.of(Plan((one_trace(call, signals=(sent, scored, untraced)),), ()), RULES)

    assert told.calls_of_event == {"answered": 1, "scored": 1, "seat": 0}
    assert told.unclaimed_calls == 0


def test_revenue_follows_the_rules_and_is_unknown_without_one():
    answered = [Signal("answered", "copilot", "a"), Signal("answered", "copilot", "b")]
    read = Signal("read", "copilot", "a", {"pages": 3})
    other = Signal("scored", "copilot", "a")

    told = truth.of(Plan((), (*answered, read, other)), RULES)

    assert told.revenue_by_event == {"answered": Decimal("0.15"), "read": Decimal("0.090"), "scored": None}


def test_the_story_has_everything_the_demo_promises():
    plan = story.tell(NOW)
    told = truth.of(plan, [])
    calls = [call for trace in plan.traces for call in trace.calls()]

    assert 1000 < told.spans < 4000
    assert len({call.provider for call in calls if call.known_model}) >= 4
    assert len({trace.customer for trace in plan.traces} - {None}) >= 5
    assert len({trace.product for trace in plan.traces} - {None}) >= 2
    assert told.tokens.cache_read
    assert told.tokens.reasoning
    assert told.tokens.cache_write_5m
    assert told.tokens.cache_write_1h
    assert told.zero_rated
    assert told.unpriced
    assert told.aggregates
    assert told.unclaimed_calls
    assert {call.operation for call in calls} >= {"chat", "embeddings"}
    assert len({trace.start.date() for trace in plan.traces}) >= 2


def test_response_ids_are_unique_per_call_so_that_no_two_calls_look_like_one():
    ids = [call.response_id for trace in story.tell(NOW).traces for call in trace.calls()]

    assert len(set(ids)) == len(ids)


def test_a_sequence_puts_children_one_after_the_other_inside_their_parent():
    inner = sequence(Span("inner", dialects.AGENTS, {}), Span("leaf", dialects.AGENTS, {}, duration_ms=50))
    outer = sequence(Span("outer", dialects.AGENTS, {}), Span("first", dialects.AGENTS, {}, duration_ms=30), inner)

    first, second = outer.children
    (leaf,) = second.children
    assert first.start_ms + first.duration_ms <= second.start_ms
    assert second.start_ms <= leaf.start_ms
    assert leaf.start_ms + leaf.duration_ms <= second.start_ms + second.duration_ms
    assert second.start_ms + second.duration_ms <= outer.start_ms + outer.duration_ms


def test_an_outcome_that_did_not_come_earns_nothing():
    rule = {"product": "copilot", "event": "answered", "unit_price_usd": "0.99", "when": "data.resolved == true"}
    answered = [Signal("answered", "copilot", "a", {"resolved": resolved}) for resolved in (True, True, False)]
    unsaid = Signal("answered", "copilot", "a")

    assert truth.of(Plan((), (*answered, unsaid)), [rule]).revenue_by_event == {"answered": Decimal("1.98")}


def test_a_plan_says_what_its_credits_are_worth():
    rule = {"product": "copilot", "event": "answered", "credits": "2", "plan_price": "29", "plan_credits": "500"}

    told = truth.of(Plan((), (Signal("answered", "copilot", "a"),)), [rule])

    assert told.revenue_by_event == {"answered": Decimal("0.116")}
