"""The spans of the benchmark: traces of eight spans (three model calls, one signal) as an AI product sends them.

Attribute names and sizes follow recorded traffic: 15 to 20 attributes a span, about 1.2 kB each, prompts included.
"""

import json
import random
from collections.abc import Mapping

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span

SPANS_PER_TRACE = 8
CALLS_PER_TRACE = 3
SIGNALS_PER_TRACE = 1
PRODUCT = "bench-copilot"
EVENT = "answer_given"
RESPONSE_ID_LENGTH = 24

Value = str | int | bool | float | list[str]

_CHATS = (
    ("openai", "gpt-5.4-mini", "gpt-5.4-mini-2026-03-17"),
    ("openai", "gpt-6-sol", "gpt-6-sol"),
    ("anthropic", "claude-sonnet-5-5", "claude-sonnet-5-5"),
    ("anthropic", "claude-haiku-5-5", "claude-haiku-5-5"),
    ("mistral", "mistral-medium-latest", "mistral-medium-latest"),
)
_TEXT = (
    "the parcel left our warehouse on monday and should reach you before the end of this week; please wait until then "
)
_HEADERS: dict[str, Value] = {
    "server.address": "gateway.example",
    "server.port": 443,
    "network.protocol.version": "1.1",
    "deployment.environment.name": "production",
    "service.instance.id": "a7c40023-f3c3-43cd-98f6-0779dcf78942",
    "thread.name": "asyncio_7",
    "code.function.name": "answer_question",
    "app.build": "2026.11.3-1842",
}


class Sentinels:
    """Unique placeholders of every value that differs from request to request; `payloads` finds and patches them."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self.trace_ids: list[bytes] = []
        self.span_ids: list[bytes] = []
        self.response_ids: list[bytes] = []
        self.times: list[tuple[bytes, int]] = []

    def trace_id(self) -> bytes:
        """A placeholder of 16 bytes."""
        self.trace_ids.append(self._dice.randbytes(16))
        return self.trace_ids[-1]

    def span_id(self) -> bytes:
        """A placeholder of 8 bytes."""
        self.span_ids.append(self._dice.randbytes(8))
        return self.span_ids[-1]

    def response_id(self) -> str:
        """A placeholder of `RESPONSE_ID_LENGTH` hex digits."""
        text = f"{self._dice.getrandbits(4 * RESPONSE_ID_LENGTH):0{RESPONSE_ID_LENGTH}x}"
        self.response_ids.append(text.encode())
        return text

    def time(self, offset_ns: int) -> int:
        """A placeholder of a fixed64 time that is to become the trace's start plus `offset_ns`."""
        placeholder = self._dice.randbytes(8)
        self.times.append((placeholder, offset_ns))
        return int.from_bytes(placeholder, "little")


def request(traces: int, dice: random.Random, sentinels: Sentinels) -> bytes:
    """One serialized export request of `traces` traces (8 spans each) whose ids and times are placeholders."""
    message = ExportTraceServiceRequest()
    resource = message.resource_spans.add()
    resource.resource.attributes.extend(
        _pairs({"service.name": "bench-api", "service.version": "3.2.0", "telemetry.sdk.language": "python"})
    )
    app = resource.scope_spans.add()
    app.scope.name, app.scope.version = "bench.app", "3.2.0"
    genai = resource.scope_spans.add()
    genai.scope.name, genai.scope.version = "opentelemetry.instrumentation.genai.openai", "1.3b0"
    for _ in range(traces):
        _trace(app, genai, dice, sentinels)
    return message.SerializeToString()


def _trace(app: ScopeSpans, genai: ScopeSpans, dice: random.Random, sentinels: Sentinels) -> None:
    """Add the eight spans of one trace: question, guard, embedding, search, chat, tool, chat, signal."""
    trace_id, root_id = sentinels.trace_id(), sentinels.span_id()
    provider, model, answered_by = dice.choice(_CHATS)

    def add(scope: ScopeSpans, name: str, kind: int, attributes: Mapping[str, Value], at: int, took: int) -> None:
        scope.spans.append(
            Span(
                trace_id=trace_id,
                span_id=sentinels.span_id(),
                parent_span_id=root_id,
                flags=257,
                name=name,
                kind=kind,  # type: ignore[arg-type]
                start_time_unix_nano=sentinels.time(at * 1_000_000),
                end_time_unix_nano=sentinels.time((at + took) * 1_000_000),
                attributes=_pairs(attributes),
            )
        )

    chat = f"chat {model}"
    embedding = _call("openai", "text-embedding-3-small", "text-embedding-3-small", "embeddings", dice, sentinels)
    add(app, "check input", Span.SPAN_KIND_INTERNAL, _work("guard", dice), 1, 4)
    add(genai, "embeddings text-embedding-3-small", Span.SPAN_KIND_CLIENT, embedding, 6, 40)
    add(app, "SELECT articles", Span.SPAN_KIND_CLIENT, _work("search", dice), 47, 12)
    add(genai, chat, Span.SPAN_KIND_CLIENT, _call(provider, model, answered_by, "chat", dice, sentinels), 60, 900)
    add(app, "execute_tool lookup_order", Span.SPAN_KIND_INTERNAL, _work("tool", dice), 961, 120)
    add(genai, chat, Span.SPAN_KIND_CLIENT, _call(provider, model, answered_by, "chat", dice, sentinels), 1082, 1400)
    add(app, "paid.trace.signal", Span.SPAN_KIND_INTERNAL, _signal(dice), 2483, 1)
    root = Span(
        trace_id=trace_id,
        span_id=root_id,
        flags=257,
        name="POST /v1/answers",
        kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=sentinels.time(0),
        end_time_unix_nano=sentinels.time(2_485_000_000),
        attributes=_pairs(_root(dice)),
    )
    app.spans.append(root)


def _call(
    provider: str, model: str, answered_by: str, operation: str, dice: random.Random, sentinels: Sentinels
) -> dict[str, Value]:
    read = dice.randrange(1_000, 6_000)
    attributes: dict[str, Value] = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model,
        "gen_ai.request.max_tokens": 4096,
        "gen_ai.response.model": answered_by,
        "gen_ai.usage.input_tokens": read + dice.randrange(200, 4_000),
        "gen_ai.conversation.id": f"conv-{dice.getrandbits(64):016x}",
    }
    if operation == "chat":
        attributes |= {
            "gen_ai.request.temperature": 0.2,
            "gen_ai.response.id": "chatcmpl-" + sentinels.response_id(),
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.usage.cache_read.input_tokens": read,
            "gen_ai.usage.output_tokens": dice.randrange(150, 900),
            "gen_ai.usage.reasoning.output_tokens": dice.randrange(10, 140),
            "openai.response.service_tier": "default",
            "gen_ai.input.messages": _messages("user", 420, dice),
            "gen_ai.output.messages": _messages("assistant", 240, dice),
        }
        return attributes | {key: _HEADERS[key] for key in list(_HEADERS)[:3]}
    attributes |= {"gen_ai.embeddings.dimension.count": 1536, "gen_ai.input.messages": _messages("user", 480, dice)}
    return attributes | _HEADERS


def _work(what: str, dice: random.Random) -> dict[str, Value]:
    """A span that costs nothing: a guard, a search, a tool."""
    return _HEADERS | {
        "app.step": what,
        "app.step.attempt": 1,
        "app.cache.hit": dice.random() < 0.5,
        "app.items": dice.randrange(1, 200),
        "app.duration.budget_ms": 250.5,
        "app.request.id": f"req-{dice.getrandbits(96):024x}",
        "app.tenant.shard": f"shard-{dice.randrange(64):02d}",
        "app.query": _text(430, dice),
    }


def _root(dice: random.Random) -> dict[str, Value]:
    return _HEADERS | {
        "external_customer_id": f"customer-{dice.randrange(200):04d}",
        "external_agent_id": PRODUCT,
        "http.request.method": "POST",
        "http.route": "/v1/answers",
        "url.path": "/v1/answers",
        "http.response.status_code": 200,
        "user_agent.original": "bench-client/2.1 (linux; x86_64)",
        "app.request.id": f"req-{dice.getrandbits(96):024x}",
        "app.question": _text(330, dice),
    }


def _signal(dice: random.Random) -> dict[str, Value]:
    data = {
        "channel": "web",
        "rating": dice.randrange(1, 6),
        "summary": _text(330, dice),
        "paid": {"enable_cost_tracing": True},
    }
    return _HEADERS | {
        "event_name": EVENT,
        "enable_cost_tracing": True,
        "data": json.dumps(data),
        "app.request.id": f"req-{dice.getrandbits(96):024x}",
        "app.tenant.shard": f"shard-{dice.randrange(64):02d}",
        "app.sdk.version": "node-1.7.1",
        "app.step": "signal",
    }


def _messages(role: str, length: int, dice: random.Random) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": _text(length, dice)}]}])


def _text(length: int, dice: random.Random) -> str:
    start = dice.randrange(len(_TEXT))
    return (_TEXT * (2 + length // len(_TEXT)))[start : start + length]


def _pairs(attributes: Mapping[str, Value]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_any(value)) for key, value in attributes.items()]


def _any(value: Value) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[AnyValue(string_value=each) for each in value]))
    return AnyValue(string_value=value)
