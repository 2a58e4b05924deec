"""Fresh lakes from records: what was received, landed in batches of a test's choosing, and the tables that come out."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from pathlib import Path

import polars as pl
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from analytics.invariants import INVARIANTS
from lake.connect import Lake
from lake.schema import TABLES
from marginlake.config import Config
from marginlake.landing import land
from marginlake.pipeline import prepare_or_reject
from marginlake.rules import Rules, rules_from
from receiver.journal.record import Kind, Record
from receiver.otlp_json import traces_to_protobuf
from receiver.signals.rest import journal_payload, parse_signals

DATA = Path(__file__).parents[1] / "data"
RESULTS = ("costs", "cost_links", "event_margins", "event_values", "spans", "signals", "rejected", "unmapped_calls")
REVENUE = (
    {"name": "message", "event": "chat_message", "unit_price_usd": "0.058"},
    {"name": "acme", "customer": "acme", "unit_price_usd": "0.000000000007"},
    {"name": "mail", "event": "email_sent", "credits": "2", "credit_value_usd": "0.01"},
)
"""Revenue rules as a configuration has them."""

VALUE = (
    {"name": "Time saved", "event": "chat_message", "unit": "minutes", "expression": "quantity * 3 / 7",
     "value_per_unit": "0.3"},
    {"name": "Score", "event": "chat_message", "unit": "points", "field": "score"},
)  # fmt: skip
"""Value metrics as a configuration has them."""

Tables = dict[str, pl.DataFrame]


@cache
def rules() -> Rules:
    """The rules of a service with the default settings and `REVENUE`."""
    return rules_from(Config.model_validate({"revenue": REVENUE, "value": {"metric": VALUE}}), None)


def land_batches(
    data_dir: Path, batches: Iterable[Sequence[Record]], given: Rules | None = None, *, source: str = "test"
) -> Tables:
    """Land records in the lake in `data_dir` (made when missing), a commit per batch; returns what it holds then."""
    with Lake.open(data_dir, threads=1) as lake:
        return land_into(lake, batches, given, source=source)


def land_into(
    lake: Lake, batches: Iterable[Sequence[Record]], given: Rules | None = None, *, source: str = "test"
) -> Tables:
    """`land_batches` for a lake that is open."""
    fill(lake, batches, given, source=source)
    return tables(lake)


def fill(
    place: Path | Lake, batches: Iterable[Sequence[Record]], given: Rules | None = None, *, source: str = "test"
) -> None:
    """Land records in a lake, open or in a data directory, a commit per batch; what it holds then is not read."""
    if isinstance(place, Path):
        with Lake.open(place, threads=1) as lake:
            return fill(lake, batches, given, source=source)
    using = given or rules()
    position = place.progress(source) or 0
    for batch in batches:
        position += 1
        land(place, prepare_or_reject(batch, (), using), using, source, position)
    return None


def tables(lake: Lake) -> Tables:
    """The tables of results, sorted by their keys, without the columns that say when we did something."""
    found = {}
    with lake.reading() as tx:
        for name in RESULTS:
            table = TABLES[name]
            columns = [column for column in table.column_names if column not in table.bookkeeping]
            found[name] = tx.read(f"SELECT {', '.join(columns)} FROM {name}").sort(table.key)
    return found


def tables_of(data_dir: Path) -> Tables:
    """The tables of results of a lake on disk."""
    with Lake.open(data_dir, read_only=True, threads=1) as lake:
        return tables(lake)


def differences(one: Tables, other: Tables) -> list[str]:
    """Which tables differ, and the first rows that do; empty when they are the same in every value."""
    found = []
    for name, rows in one.items():
        if not rows.equals(other[name], null_equal=True):
            only = rows.join(other[name], on=rows.columns, how="anti", nulls_equal=True)
            others = other[name].join(rows, on=rows.columns, how="anti", nulls_equal=True)
            found.append(f"{name}: {only.head(2).to_dicts()} <> {others.head(2).to_dicts()}")
    return found


def broken(place: Path | Lake) -> dict[str, list[dict[str, object]]]:
    """The rows that break an invariant of a lake, open or in a data directory, by the invariant's name."""
    if isinstance(place, Path):
        with Lake.open(place, read_only=True, threads=1) as lake:
            return broken(lake)
    with place.reading() as tx:
        found = {invariant.name: tx.read(invariant.sql).to_dicts() for invariant in INVARIANTS}
    return {name: rows for name, rows in found.items() if rows}


def traces(payload: bytes, seq: int = 1, received_ns: int = 1_795_468_200_000_000_000) -> Record:
    """A journal record of an OTLP request."""
    return Record(seq, Kind.TRACES, received_ns, payload)


def rest(body: bytes, seq: int = 1, received_ns: int = 1_795_468_200_000_000_000) -> Record:
    """A journal record of a REST body of signals, normalised as the service does."""
    received = datetime.fromtimestamp(received_ns / 1e9, UTC)
    return Record(seq, Kind.SIGNALS, received_ns, journal_payload(parse_signals(body, received)))


@cache
def captured() -> tuple[Record, ...]:
    """Everything that was recorded of real libraries: all dialects, the Paid SDKs, and REST signals."""
    requests = [path.read_bytes() for path in sorted((DATA / "dialects").glob("*.pb"))]
    requests += [path.read_bytes() for path in sorted((DATA / "paid").glob("python*/*.pb"))]
    requests += [traces_to_protobuf(path.read_bytes()) for path in sorted((DATA / "paid" / "node").glob("*.json"))]
    requests += [traces_to_protobuf(path.read_bytes()) for path in sorted((DATA / "otlp" / "paid_node").glob("*.json"))]
    bodies = [path.read_bytes() for path in sorted((DATA / "paid" / "rest").glob("*.json"))]
    return (*map(traces, requests), *map(rest, bodies))


def span_by_span(record: Record) -> list[Record]:
    """A request of many spans as requests of one; other records as they are."""
    if record.kind is not Kind.TRACES:
        return [record]
    alone = []
    for resource_spans in ExportTraceServiceRequest.FromString(record.payload).resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                request = ExportTraceServiceRequest()
                only = request.resource_spans.add()
                only.resource.CopyFrom(resource_spans.resource)
                scope = only.scope_spans.add()
                scope.scope.CopyFrom(scope_spans.scope)
                scope.spans.append(span)
                alone.append(record._replace(payload=request.SerializeToString()))
    return alone


def in_batches(records: Sequence[Record], count: int, chance: random.Random) -> list[list[Record]]:
    """The records dealt into at most `count` batches of random sizes, in their order."""
    cuts = sorted(chance.randrange(len(records) + 1) for _ in range(count - 1))
    edges = [0, *cuts, len(records)]
    return [list(records[a:b]) for a, b in pairwise(edges) if a < b]


def as_toml(entries: Sequence[Mapping[str, str]] = REVENUE, metrics: Sequence[Mapping[str, str]] = VALUE) -> str:
    """Revenue entries and value metrics as a configuration file has them."""
    tables = [*(("revenue", entry) for entry in entries), *(("value.metric", metric) for metric in metrics)]
    bodies = ((name, "\n".join(f'{key} = "{value}"' for key, value in entry.items())) for name, entry in tables)
    return "".join(f"[[{name}]]\n{body}\n" for name, body in bodies)
