"""Short stories for a real lake: spans as an OpenTelemetry SDK would send them, one record each."""

from dataclasses import dataclass

import polars as pl

from receiver.journal.record import Record
from tests.marginlake.lakes import Tables, traces
from tests.receiver.otlp_payloads import payload, span

BASE_NS = 1_795_468_100_000_000_000


@dataclass(frozen=True)
class Story:
    """Spans of one story. Its traces, scopes and answers are its own, so that stories can share a lake."""

    number: int = 1

    @property
    def answer(self) -> str:
        """A response id that identifies a call."""
        return f"chatcmpl-b94582cc7f8349f6a431c5{self.number:02}"

    @property
    def scope(self) -> str:
        """A scope id."""
        return f"scope-{self.number}"

    def trace_id(self, trace: int) -> bytes:
        """The id of the story's n-th trace."""
        return bytes([self.number, trace]) * 8

    def work(
        self, number: int, said: dict[str, object] | None = None, *, trace: int = 1, parent: int | None = None,
        at: int = 0, lasts: int = 10, library: str = "app",
    ) -> Record:  # fmt: skip
        """A span; times in milliseconds."""
        start = BASE_NS + at * 1_000_000
        sent = span(
            said,
            trace_id=self.trace_id(trace),
            span_id=bytes([number]) * 8,
            parent_span_id=bytes([parent]) * 8 if parent else b"",
            start_ns=start,
            end_ns=start + lasts * 1_000_000,
        )
        return traces(payload(sent, scope=library, resource={"service.name": f"service-{self.number}"}))

    def call(
        self, number: int, *, trace: int = 1, parent: int | None = None, at: int = 0, tokens: int = 1000,
        library: str = "app", operation: str = "chat", **said: object,
    ) -> Record:  # fmt: skip
        """A model call, $0.15 per million input tokens. `said`: customer, product, scope, answer (the response id)."""
        usage: dict[str, object] = {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.usage.input_tokens": tokens,
            "gen_ai.usage.output_tokens": 0,
        }
        return self.work(number, usage | _named(said), trace=trace, parent=parent, at=at, library=library)

    def stream(self, number: int, *, trace: int, at: int, record: bool = False) -> Record:
        """One of the two spans of a stream of Logfire's, both $15 hundred-thousandths: see `call`."""
        said: dict[str, object] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.response.model": "gpt-4o-mini",
            "logfire.span_type": "log" if record else "span",
            "logfire.msg_template": "streaming response from {model!r}" if record else "Chat Completion with {model!r}",
        }
        if record:
            said |= {"duration": 0.03, "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 0}
        return self.work(number, said, trace=trace, at=at, lasts=0 if record else 10, library="logfire.openai")

    def billed(
        self, number: int, event: str = "report", *, trace: int = 1, parent: int | None = None, at: int = 0,
        **said: object,
    ) -> Record:  # fmt: skip
        """A signal on a span. `said`: customer, product, scope (a claim), key (idempotency)."""
        named = {"marginlake.signal.event_name": event} | _named(said)
        return self.work(number, named, trace=trace, parent=parent, at=at)

    def costs(self, landed: Tables) -> dict[str, str | None]:
        """event_name -> what the story's event cost, in thousandths of a cent."""
        own = landed["signals"].filter(pl.col("trace_id").str.starts_with(f"{self.number:02x}"))
        rows = (
            landed["event_margins"].join(own, on="signal_id", how="semi").select("event_name", "cost_usd").iter_rows()
        )
        return {event: None if cost is None else format((cost * 100_000).normalize(), "f") for event, cost in rows}


_KEYS = {
    "customer": "customer.id",
    "product": "product.id",
    "scope": "marginlake.cost_scope",
    "answer": "gen_ai.response.id",
    "key": "marginlake.signal.idempotency_key",
}


def _named(said: dict[str, object]) -> dict[str, object]:
    return {_KEYS[key]: value for key, value in said.items()}
