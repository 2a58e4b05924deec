"""What the demo is going to send, as plain data: traces of planned spans, and signals that travel by REST.

A plan knows which spans are calls, what each one used and which event bears it: `truth` sums that up, and the demo
later compares it with the lake. Nothing here touches OpenTelemetry; `traffic` sends a plan through its SDK.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

Value = str | bool | int | float | tuple[str, ...]
Attributes = dict[str, Value]
Kind = Literal["internal", "server", "client"]


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token counts of one call. `input` is the inclusive total, `output` includes `reasoning`."""

    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(
            self.input + other.input,
            self.cache_read + other.cache_read,
            self.cache_write_5m + other.cache_write_5m,
            self.cache_write_1h + other.cache_write_1h,
            self.output + other.output,
            self.reasoning + other.reasoning,
        )

    @property
    def fresh(self) -> int:
        """Input tokens neither read from nor written to a cache."""
        return self.input - self.cache_read - self.cache_write

    @property
    def cache_write(self) -> int:
        """Input tokens written to a cache, whatever their time to live."""
        return self.cache_write_5m + self.cache_write_1h


@dataclass(frozen=True, slots=True)
class Call:
    """One billable call of a model. `tokens` is None when the span reports no usage (failed, or a bare stream)."""

    provider: str
    model: str
    response_id: str
    tokens: Tokens | None
    response_model: str = ""
    operation: str = "chat"
    failed: bool = False
    known_model: bool = True

    @property
    def answered_by(self) -> str:
        """The model name of the answer: a dated snapshot where the provider gives one."""
        return self.response_model or self.model

    @property
    def status(self) -> Literal["priced", "unpriced", "zero_rated"]:
        """What the lake must say: a failed call without usage is free, unknown models and unknown usage are unknown."""
        if self.tokens is None:
            return "zero_rated" if self.failed else "unpriced"
        return "priced" if self.known_model else "unpriced"


@dataclass(frozen=True, slots=True)
class Signal:
    """One billable event. `scope` is an explicit claim on the calls that carry the same scope id."""

    event: str
    product: str
    customer: str
    data: dict[str, object] = field(default_factory=dict)
    traced: bool = True
    scope: int | None = None
    idempotency_key: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A span event: milliseconds after its span's start, name, attributes, and the signal it stands for, if any."""

    after_ms: int
    name: str
    attributes: Attributes
    signal: Signal | None = None


@dataclass(slots=True)
class Span:
    """A span to send: times in milliseconds after its trace's start; children follow each other in the given order.

    `late` spans leave after everything else of the demo was exported, as a slow worker's would.
    """

    name: str
    scope: tuple[str, str]
    attributes: Attributes
    kind: Kind = "internal"
    start_ms: int = 0
    duration_ms: int = 1
    error: str | None = None
    late: bool = False
    call: Call | None = None
    aggregate: bool = False
    signal: Signal | None = None
    events: tuple[Event, ...] = ()
    children: tuple["Span", ...] = ()

    def walk(self) -> Iterator["Span"]:
        """This span and everything below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(slots=True)
class Trace:
    """One trace: which service sends it, when it began, who it was for, and the REST signals that belong to it."""

    service: str
    start: datetime
    root: Span
    customer: str | None
    product: str | None
    api_signals: tuple[Signal, ...] = ()

    def spans(self) -> list[Span]:
        """All spans, parents first."""
        return list(self.root.walk())

    def calls(self) -> list[Call]:
        """The billable calls: every planned call but the spans that repeat others (`aggregate`)."""
        return [span.call for span in self.spans() if span.call is not None and not span.aggregate]

    def otlp_signals(self) -> list[Signal]:
        """Signals that travel inside the trace: as spans, or as attributes of spans and of span events."""
        found = [span.signal for span in self.spans() if span.signal is not None]
        return found + [event.signal for span in self.spans() for event in span.events if event.signal is not None]

    @property
    def end(self) -> datetime:
        """When its root ended."""
        return self.start + timedelta(milliseconds=self.root.start_ms + self.root.duration_ms)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything the demo sends. `extra_signals` belong to no trace."""

    traces: tuple[Trace, ...]
    extra_signals: tuple[Signal, ...]

    def api_signals(self) -> list[Signal]:
        """All signals that travel by REST."""
        return [signal for trace in self.traces for signal in trace.api_signals] + list(self.extra_signals)


def sequence(parent: Span, *children: Span, gap_ms: int = 4) -> Span:
    """Put children one after the other inside `parent` and stretch `parent` around them; returns `parent`."""
    clock = parent.start_ms + gap_ms
    for child in children:
        shift(child, clock - child.start_ms)
        clock += child.duration_ms + gap_ms
    parent.children = (*parent.children, *children)
    parent.duration_ms = max(parent.duration_ms, clock - parent.start_ms)
    return parent


def shift(span: Span, by_ms: int) -> None:
    """Move a span and all below it in time."""
    for each in span.walk():
        each.start_ms += by_ms


def total(calls: list[Call]) -> Tokens:
    """What a span that stands above several calls reports: their sum."""
    known = [call.tokens for call in calls if call.tokens is not None]
    return sum(known, start=Tokens())


def quantity_of(signal: Signal) -> Decimal:
    """The quantity a signal states: `data.quantity`, else one."""
    return Decimal(str(signal.data.get("quantity", 1)))
