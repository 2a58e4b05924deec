"""What this machine can do at each station alone, on the same payloads: the ceilings beside the end-to-end figures."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl

from benchmarks.payloads import SPANS, templates
from benchmarks.runs import acknowledging_server, generate
from lake.connect import Lake
from lake.schema import TABLES
from marginlake.config import Config
from marginlake.pipeline import prepare
from marginlake.rules import Rules, rules_from
from pricing_tables.price import price_calls
from receiver.decode import decode_traces
from receiver.decode_messages import decode_messages
from receiver.dialects import to_calls
from receiver.identity import own_identity
from receiver.journal import Journal, Kind, Record
from receiver.wire_decode import scan_payloads
from receiver.wire_ready import Decode, wait_until_ready

_PAYLOADS = 8
_JOURNAL_BYTES = 1 << 30
_COMMIT_TABLES = ("spans", "costs", "signals", "cost_links", "event_margins")


def measure(seconds: float, connections: int, lake_dir: Path) -> dict[str, float]:
    """Spans per second of each station alone, `seconds` each; `lake_dir` holds the lake that a run has left.

    transport: the same generator against a gRPC server that only acknowledges. journal: append with its sync. decode:
    bytes to frames, by the compiled scanner, and by messages, which answer until that is ready. prepare: decode,
    dialects, prices and signals. price: calls to costs (in calls, not spans, per second: `price_calls`). commit: the
    rows that a run wrote, appended in transactions of the same size.
    """
    rules = rules_from(Config(), None)
    wait_until_ready()
    payloads = [(template.fill(), time.time_ns()) for template in templates(_PAYLOADS, seed=77)]
    with acknowledging_server() as address:
        transport = generate(address, seconds=seconds, connections=connections).spans_per_second
    return {
        "transport": transport,
        "journal": _journal(payloads, seconds),
        "decode_messages": _decode(decode_messages, payloads, rules, seconds),
        "decode": _decode(scan_payloads, payloads, rules, seconds),
        "prepare": _prepare(payloads, rules, seconds),
        "price_calls": _price(payloads, rules, seconds),
        "commit": _commit(lake_dir, seconds),
    }


def _journal(payloads: list[tuple[bytes, int]], seconds: float) -> float:
    """Append as many at a time as there are payloads, each group waiting for its sync; at most `_JOURNAL_BYTES`."""
    size = sum(len(payload) for payload, _ in payloads)
    with tempfile.TemporaryDirectory() as directory, Journal(Path(directory) / "journal") as journal:

        def append() -> int:
            waiting = [journal.append(Kind.TRACES, payload) for payload, _ in payloads]
            for each in waiting:
                each.result(30)
            return SPANS * len(waiting)

        return _rate(append, seconds, most_rounds=_JOURNAL_BYTES // size)


def _decode(decode: Decode, payloads: list[tuple[bytes, int]], rules: Rules, seconds: float) -> float:
    return _rate(lambda: decode(payloads, rules.wanted).spans.height, seconds)


def _prepare(payloads: list[tuple[bytes, int]], rules: Rules, seconds: float) -> float:
    records = [Record(seq, Kind.TRACES, at, payload) for seq, (payload, at) in enumerate(payloads, start=1)]
    return _rate(lambda: prepare(records, rules).spans.height, seconds)


def _price(payloads: list[tuple[bytes, int]], rules: Rules, seconds: float) -> float:
    calls = to_calls(own_identity(decode_traces(payloads, rules.wanted).spans, rules.identity))
    calls = pl.concat([calls] * 20)
    return _rate(lambda: price_calls(calls, rules.catalog).height, seconds)


def _commit(lake_dir: Path, seconds: float) -> float:
    """Append rows as a run has left them, one transaction for about as many spans as a second of it brought."""
    spans = 20 * SPANS
    with Lake.open(lake_dir, read_only=True) as lake:
        traces = lake.read(f"SELECT DISTINCT trace_id FROM spans LIMIT {spans // 8}")
        frames = {name: _rows_of(lake, name, traces) for name in _COMMIT_TABLES}
    with tempfile.TemporaryDirectory() as directory, Lake.open(Path(directory) / "lake") as fresh:

        def commit() -> int:
            with fresh.transaction() as transaction:
                for name, frame in frames.items():
                    transaction.append(name, frame)
            return frames["spans"].height

        return _rate(commit, seconds)


def _rows_of(lake: Lake, table: str, traces: pl.DataFrame) -> pl.DataFrame:
    """Rows of a table that belong to the given traces."""
    key = "trace_id"
    if key in TABLES[table].polars_schema:
        return lake.read(f"SELECT t.* FROM {table} AS t SEMI JOIN traces USING ({key})", traces=traces)
    of_these = "(SELECT signal_id FROM signals SEMI JOIN traces USING (trace_id))"
    return lake.read(f"SELECT t.* FROM {table} AS t WHERE signal_id IN {of_these}", traces=traces)


def _rate(work: Callable[[], int], seconds: float, *, most_rounds: int | None = None) -> float:
    """Units per second of `work`, which returns how many it did; called once before, to warm up."""
    work()
    done, rounds, began = 0, 0, time.perf_counter()
    while (took := time.perf_counter() - began) < seconds and rounds != most_rounds:
        done += work()
        rounds += 1
    return done / took
