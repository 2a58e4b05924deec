"""A lake of any number of events in little time: a few real traces are landed, then multiplied in SQL.

Every event is a trace of its own: a root span that carries the customer and the signal, and one, two or three model
calls below it (two on average) with response ids of their own. A thousand customers, three products; the events follow
one another evenly over `DAYS` days. The rows of the copies are what landing them one by one would have written, but for
ids, times and customers; `marginlake doctor` holds on the result.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from lake.connect import Lake
from lake.schema import TABLES
from marginlake.config import Config
from marginlake.landing import land
from marginlake.pipeline import prepare
from marginlake.rules import Rules, rules_from
from receiver.journal.record import Kind, Record

DAYS = 30
FIRST = datetime(2026, 10, 1, tzinfo=UTC)
CUSTOMERS = 1000
CALLS = (1, 2, 3)
BATCH = 500_000
"""Events that one transaction writes."""

_REVENUE = ({"name": "answers", "event": "answer_given", "unit_price_usd": "0.05"},)
_MODELS = (("openai", "gpt-5.4-mini"), ("anthropic", "claude-sonnet-5-5"), ("openai", "gpt-6-sol"))
_COPIED = ("spans", "costs", "signals", "cost_links", "event_margins")


def rules() -> Rules:
    """The rules by which the lake was made."""
    return rules_from(Config(revenue=_REVENUE), None)


def build(folder: Path, events: int, days: int = DAYS) -> None:
    """Make a lake of so many events in an empty or missing folder."""
    with Lake.open(folder) as lake:
        _land_templates(lake)
        step_us = timedelta(days=days) // timedelta(microseconds=1) // max(events, 1)
        with lake.durable_transaction() as connection:
            for name in _COPIED:
                connection.execute(f"CREATE TEMP TABLE template_{name} AS SELECT * FROM {name}")
                connection.execute(f"DELETE FROM {name}")
            connection.execute("DELETE FROM key_directory")
            copies = {name: _copy_sql(name, step_us) for name in _COPIED}
            connection.execute("CREATE TEMP TABLE numbers (i BIGINT)")
            for batch, begin in enumerate(range(0, events, BATCH), start=1):
                connection.execute("DELETE FROM numbers")
                connection.execute(f"INSERT INTO numbers SELECT * FROM range({begin}, {min(begin + BATCH, events)})")
                for name in _COPIED:
                    connection.execute(f"INSERT INTO {name} {copies[name]}")
                connection.execute(f"INSERT INTO key_directory {_directory_sql(copies, batch)}")


def _land_templates(lake: Lake) -> None:
    """One trace for each number of calls, through the whole pipeline, ending at the epoch of the copies."""
    using = rules()
    records = [Record(number, Kind.TRACES, 0, _trace(number)) for number in CALLS]
    land(lake, prepare(records, using), using, "templates", 1)


def _trace(calls: int) -> bytes:
    """A request with one trace: span n has the id n."""
    message = ExportTraceServiceRequest()
    resource = message.resource_spans.add()
    resource.resource.attributes.extend(_pairs({"service.name": "bench-api"}))
    scope = resource.scope_spans.add()
    scope.scope.name = "bench.app"
    start = int(FIRST.timestamp()) * 10**9
    root = {
        "customer.id": "customer-0",
        "product.id": f"product-{calls}",
        "marginlake.signal.event_name": "answer_given",
    }
    for number in range(calls + 1):
        provider, model = _MODELS[number - 1]
        usage = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": model,
            "gen_ai.response.model": model,
            "gen_ai.response.id": f"chatcmpl-{calls}{number}" + "0123456789abcdef" * 2,
            "gen_ai.usage.input_tokens": 1200 + 10 * number + calls,
            "gen_ai.usage.output_tokens": 150 + number,
        }
        scope.spans.add(
            trace_id=bytes([calls]) * 16,
            span_id=bytes([number + 1]) * 8,
            parent_span_id=bytes([1]) * 8 if number else b"",
            name=f"chat {model}" if number else "answer",
            start_time_unix_nano=start + number * 10**6,
            end_time_unix_nano=start + (number + 1) * 10**6,
            attributes=_pairs(usage if number else root),
        )
    return message.SerializeToString()


def _pairs(said: dict[str, str] | dict[str, int] | dict[str, object]) -> list[KeyValue]:
    return [
        KeyValue(key=key, value=AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value))  # type: ignore[arg-type]
        for key, value in said.items()
    ]


def _copy_sql(table: str, step_us: int) -> str:
    """SELECT of the copies of a table's template rows, one template for each i of `numbers`."""
    trace = "md5('trace' || i)"

    def span(column: str) -> str:
        # A template's span ids are one byte eight times over.
        return f"CASE WHEN t.{column} IS NOT NULL THEN left(md5('span' || i || '-' || left(t.{column}, 2)), 16) END"

    made = {
        "trace_id": trace,
        "link_trace_id": trace,
        "span_id": span("span_id"),
        "parent_span_id": span("parent_span_id"),
        "cost_id": f"'cost_' || {trace} || '_' || left(md5('span' || i || '-' || substr(t.cost_id, 39, 2)), 16)",
        "signal_id": "'sig_' || md5('signal' || i)",
        "response_id": "left(t.response_id, 11) || left(md5('answer' || i || left(t.response_id, 11)), 24)",
        "customer_id": f"'customer-' || (i % {CUSTOMERS})",
    }
    made["own_customer_id"] = f"CASE WHEN t.own_customer_id IS NOT NULL THEN {made['customer_id']} END"
    columns = []
    for column in TABLES[table].columns:
        if column.name in made:
            columns.append(f"{made[column.name]} AS {column.name}")
        elif column.type == "TIMESTAMPTZ" and column.name not in TABLES[table].bookkeeping:
            columns.append(f"t.{column.name} + to_microseconds(i * {step_us}) AS {column.name}")
        else:
            columns.append(f"t.{column.name}")
    return (
        f"SELECT {', '.join(columns)} FROM numbers JOIN template_{table} AS t "
        f"ON {_template_number(table)} = i % {len(CALLS)} ORDER BY i"
    )


def _template_number(table: str) -> str:
    """Which template a row is of: its trace's first byte, less one."""
    if "trace_id" in TABLES[table].column_names:
        return "left(t.trace_id, 2)::BIGINT - 1"
    return "right(t.product_id, 1)::BIGINT - 1"


def _directory_sql(copies: dict[str, str], batch: int) -> str:
    """What landing the copies would have filed: the keys of every table's rows with the time of their traces."""
    parts = [
        f"SELECT DISTINCT md5_number_lower('{lookup.kind}:' || {lookup.text}) AS key_hash, {TABLES[name].time_column} "
        f"AS moment FROM ({copies[name]}) WHERE {lookup.column} IS NOT NULL"
        for name in _COPIED
        for lookup in TABLES[name].lookups
        # links and costs file the same keys as the spans' and signals' traces
        if lookup.column not in ("link_trace_id", "cost_id")
    ]
    union = " UNION ALL ".join(parts)
    return f"SELECT {batch}, key_hash, min(moment), max(moment) FROM ({union}) GROUP BY key_hash"
