"""Random OTLP traffic of an unruly product, one record per span, as hypothesis draws it.

Nested agents that repeat their calls' usage, one call seen in two traces, customers on roots only or nowhere, several
signals a trace, signals that claim scopes or state their own cost, sent keys that repeat, unknown models, failed calls,
calls that no dialect knows, spans of one id with different content, and days between the traces.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from receiver.journal.record import Record
from tests.marginlake.lakes import rest, traces
from tests.receiver.otlp_payloads import event, payload, span

BASE_NS = 1_795_468_100_000_000_000
MILLISECOND, HOUR = 10**6, 3_600 * 10**9
TRACE_STARTS = (0, 7 * MILLISECOND, 3 * HOUR, 96 * HOUR)
"""Where the traces lie in time: twins within a day belong together, those further apart do not."""

ANSWERS = (None, None, "chatcmpl-b94582cc7f8349f6a431c5a8", "msg_01XFDUDYJgAACzvnptvVoYEL", "chatcmpl-42")
WORLD_DAYS = 7
"""Between one world and the next; see `worlds`."""

WORLD_APART_NS = WORLD_DAYS * 24 * HOUR
MOST_WORLDS = 100
"""So many may share a lake."""

MODELS = ("gpt-4o-mini", "gpt-4o-mini", "claude-sonnet-4-5", "house-model-9")
KINDS = ("chat", "chat", "chat", "silent", "failed", "agent", "foreign", "work", "signal", "paid_signal", "billed_work")
customers = st.sampled_from([None, None, "acme", "other"])
products = st.sampled_from([None, "bot"])
amounts = st.sampled_from([None, 1, 2.5, "many"])


cost_data = st.sampled_from(
    [
        None,
        None,
        {"vendor": "search", "cost": {"amount": "0.000000000003", "currency": "USD"}},
        {"vendor": "search", "cost": {"amount": 0.07, "currency": "EUR"}},
        {
            "vendor": "anthropic",
            "attributes": {
                "gen_ai.response.model": "claude-sonnet-4-5",
                "gen_ai.usage.input_tokens": 7,
                "gen_ai.usage.cached_input_tokens": 5,
                "gen_ai.usage.output_tokens": 1,
            },
        },
        {"vendor": "search", "cost": "much"},
    ]
)
"""What signals state of their own cost: figures, one in a currency without a rate, usage, and something unreadable."""


def scopes(world: int) -> st.SearchStrategy[str | None]:
    """Scope ids; a world has its own."""
    return st.sampled_from([None, None, f"{world}7", f"{world}8"])


def keys(world: int) -> st.SearchStrategy[str | None]:
    """Idempotency keys; a world has its own."""
    return st.sampled_from([None, None, None, f"order-{world}-1", f"order-{world}-2"])


def identity(draw: st.DrawFn, world: int) -> dict[str, object]:
    """What a span says of customer, product and scope, without what it does not say."""
    said = {"customer.id": draw(customers), "product.id": draw(products), "marginlake.cost_scope": draw(scopes(world))}
    return {key: value for key, value in said.items() if value is not None}


def usage(draw: st.DrawFn, kind: str, world: int) -> dict[str, object]:
    """Attributes of a model call, or of an agent that repeats what its calls used."""
    model = draw(st.sampled_from(MODELS))
    said: dict[str, Any] = {
        "gen_ai.operation.name": "invoke_agent" if kind == "agent" else "chat",
        "gen_ai.provider.name": "anthropic" if model.startswith("claude") else "openai",
        "gen_ai.request.model": model,
        "gen_ai.response.model": model,
        "gen_ai.response.id": _of_world(draw(st.sampled_from(ANSWERS)), world),
    }
    if kind in ("chat", "agent"):
        said["gen_ai.usage.input_tokens"] = draw(st.integers(10, 12))
        said["gen_ai.usage.output_tokens"] = draw(st.integers(0, 3))
    if kind == "failed":
        said["error.type"] = "RateLimitError"
    return {key: value for key, value in said.items() if value is not None}


def _of_world(answer: str | None, world: int) -> str | None:
    """A response id that no other world has; one that identifies nothing may come round again."""
    return answer if answer is None or len(answer) < 20 else f"{answer[:-3]}{world:03}"


def billing(draw: st.DrawFn, world: int) -> dict[str, object]:
    """The neutral attributes of a signal."""
    said = {
        "marginlake.signal.event_name": draw(st.sampled_from(["chat_message", "report"])),
        "marginlake.signal.quantity": draw(amounts),
        "marginlake.signal.cost_traced": draw(st.sampled_from([None, None, True, False])),
        "marginlake.signal.idempotency_key": draw(keys(world)),
        "marginlake.signal.data": json.dumps({"costData": stated}) if (stated := draw(cost_data)) else None,
    }
    return {key: value for key, value in said.items() if value is not None}


@st.composite
def versions_of_a_span(draw: st.DrawFn, world: int, trace: int, number: int, size: int) -> list[Record]:
    """One span, and now and then the same id again with other content."""
    sampled = draw(st.sampled_from(["", "", "", "ot=th:8", "ot=th:c"]))
    called = draw(st.sampled_from(["{}", "{}", "{}", "paid.trace.{}", "paid.trace.parent_span"]))
    start = BASE_NS - world * WORLD_APART_NS + TRACE_STARTS[trace] + draw(st.integers(0, 8)) * MILLISECOND
    parent = draw(st.sampled_from([None, None, 99, *range(1, size + 1)]))
    library = draw(st.sampled_from(["one", "two"]))
    versions = []
    for _ in range(draw(st.sampled_from([1, 1, 1, 1, 2, 3]))):
        kind = draw(st.sampled_from(KINDS))
        said, events, name = identity(draw, world), [], called.format(kind)
        if kind in ("chat", "silent", "failed", "agent"):
            said |= usage(draw, kind, world)
        elif kind == "foreign":
            said |= {"llm.acme.model": draw(st.sampled_from(MODELS)), "llm.acme.tokens.in": draw(st.integers(0, 3))}
        elif kind == "signal":
            said |= billing(draw, world)
        elif kind == "billed_work":
            events = [
                event(
                    "billed",
                    billing(draw, world) | identity(draw, world),
                    time_ns=start + draw(st.integers(0, 3)) * MILLISECOND,
                )
            ]
        elif kind == "paid_signal":
            name = "paid.trace.signal"
            data = {
                "quantity": 1,
                "costData": draw(cost_data),
                "paid": {"paid_scope_id": draw(scopes(world)), "enable_cost_tracing": draw(st.booleans())},
            }
            said |= {"event_name": "chat_message", "data": json.dumps(data), "enable_cost_tracing": draw(st.booleans())}
        sent = span(
            said,
            trace_id=bytes([trace + 1, world]) * 8,
            span_id=bytes([number]) * 8,
            parent_span_id=bytes([parent]) * 8 if parent else b"",
            name=name,
            start_ns=start,
            end_ns=start + draw(st.integers(0, 8)) * MILLISECOND,
            events=events,
            trace_state=sampled,
            status=Status(code=2 if kind == "failed" else 0),
        )
        versions.append(traces(payload(sent, scope=library)))
    return versions


def _posted_at(world: int, minutes: int) -> str:
    moment = datetime(2026, 11, 23, 21, minutes, tzinfo=UTC) - timedelta(days=WORLD_DAYS * world)
    return moment.isoformat()


@st.composite
def posted_signals(draw: st.DrawFn, world: int) -> Record:
    """A signal by REST, which may claim a scope's costs and share its key with other signals."""
    body = {
        "eventName": draw(st.sampled_from(["chat_message", "report"])),
        "customer": {"externalCustomerId": draw(st.sampled_from(["acme", "other"]))},
        "timestamp": _posted_at(world, draw(st.integers(0, 3))),
        "data": {"paid": {"paid_scope_id": draw(scopes(world))}, "costData": draw(cost_data)}
        if draw(st.booleans())
        else None,
        "idempotencyKey": draw(keys(world)) or f"own-{world}-{draw(st.integers(0, 10**6))}",
    }
    if product := draw(products):
        body["attribution"] = {"externalProductId": product}
    return rest(json.dumps({"signals": [body]}).encode())


@st.composite
def traffic(draw: st.DrawFn, world: int = 0) -> list[Record]:
    """Records in the order of drawing; some occur twice."""
    records: list[Record] = []
    for trace in range(draw(st.integers(1, 4))):
        size = draw(st.integers(1, 5))
        for number in range(1, size + 1):
            records += draw(versions_of_a_span(world, trace, number, size))
    records += draw(st.lists(posted_signals(world), max_size=3))
    return records + draw(st.lists(st.sampled_from(records), max_size=3))


def deal(draw: st.DrawFn, records: list[Record], most: int) -> list[list[Record]]:
    """Records in another order, dealt into two to `most` batches."""
    batches: list[list[Record]] = [[] for _ in range(draw(st.integers(2, most)))]
    for record in draw(st.permutations(records)):
        batches[draw(st.integers(0, len(batches) - 1))].append(record)
    return [batch for batch in batches if batch]


@st.composite
def dealt(draw: st.DrawFn, world: int = 0) -> tuple[list[Record], list[list[Record]]]:
    """Traffic, and the same in another order, dealt into batches."""
    records = draw(traffic(world))
    return records, deal(draw, records, 4)


@dataclass(frozen=True)
class Traffic:
    """What some worlds sent: each of them in the order of drawing, and all in another order, dealt into batches."""

    each: list[list[Record]]
    batches: list[list[Record]]

    @property
    def records(self) -> list[Record]:
        """All, in the order of drawing."""
        return [record for records in self.each for record in records]


def worlds(count: int, at_once: int = MOST_WORLDS) -> list[Traffic]:
    """`count` independent examples of `dealt`, drawn one by one; up to `at_once` of them together, so that they share
    lakes. They have no trace, scope, key or response id in common, so what goes wrong in one goes wrong in all.
    """
    drawn: list[tuple[list[Record], list[list[Record]]]] = []

    @settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def draw_one(data: st.DataObject) -> None:
        drawn.append(data.draw(dealt(len(drawn) % at_once)))

    draw_one()
    assert len(drawn) >= count
    return [_together(drawn[start : start + at_once]) for start in range(0, count, at_once)]


def _together(drawn: list[tuple[list[Record], list[list[Record]]]]) -> Traffic:
    most = max(len(batches) for _, batches in drawn)
    batches = [[record for _, own in drawn if number < len(own) for record in own[number]] for number in range(most)]
    return Traffic([records for records, _ in drawn], batches)
