"""How long until an acknowledged request is visible in `event_margins`, with millions of events in the lake already.

A lake is filled in bulk with events of the last 90 days (each with a trace, a span, a call, a link, a margin and its
entries of the key directory), the real service is started on it and loaded at a steady rate from another process, while
a reader in this one looks for the new rows. Exit code 1 when rows are missing or a reader saw an error.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.runs import generate
from benchmarks.table import print_rows
from benchmarks.watch import Watcher
from lake.connect import Lake
from lake.directory import key_hash
from marginlake.demo.child import ServiceProcess

RESULTS = Path(__file__).parent / "results" / "freshness.json"
QUICK = 300_000
FULL = 10_000_000
GOAL_MS = 3_000
_STEP = 1_000_000
_SECONDS_BACK = 90 * 86_400
_START_SECONDS = 120.0
_CATCH_UP_SECONDS = 300.0


def main() -> int:
    """Run everything; returns the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks.bench_freshness", description=__doc__)
    parser.add_argument("--events", type=int, default=FULL)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK:,} events")
    parser.add_argument("--seconds", type=float, default=30.0, help="length of the load")
    parser.add_argument("--rate", type=float, default=5000.0, help="spans per second")
    options = parser.parse_args()
    events = QUICK if options.quick else options.events
    with tempfile.TemporaryDirectory(prefix="marginlake-bench-") as directory:
        data_dir = Path(directory) / "data"
        print(f"filling a lake with {events:,} events …", file=sys.stderr)
        _fill(data_dir, events)
        result = {
            "date": datetime.now(UTC).date().isoformat(),
            "machine": machine.describe(),
            "events": events,
            "rate": options.rate,
            **_measure(data_dir, options.seconds, options.rate),
        }
    _print(result)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    return 1 if result["wrong"] else 0


def _fill(data_dir: Path, events: int) -> None:
    """Events with all that belongs to one, a million a transaction, in the order of their times."""
    newest = int(time.time()) - 3600
    with Lake.open(data_dir) as lake:
        for batch, first in enumerate(range(0, events, _STEP), start=1):
            count = min(_STEP, events - first)
            with lake.durable_transaction() as connection:
                connection.execute(
                    f"CREATE OR REPLACE TEMP TABLE filler AS SELECT n, md5('trace' || n) AS trace_id, "
                    f"left(md5('span' || n), 16) AS span_id, 'sig_' || md5('signal' || n) AS signal_id, "
                    f"'customer-' || (n % 200) AS customer_id, "
                    f"to_timestamp({newest - _SECONDS_BACK} + n * {_SECONDS_BACK} / {events}) AS moment, "
                    f"((n % 9999 + 1) / 1000000)::DECIMAL(18,12) AS usd "
                    f"FROM range({first}, {first + count}) AS numbers(n)"
                )
                for statement in _statements(batch):
                    connection.execute(statement)
                connection.execute("DROP TABLE temp.filler")


def _statements(batch: int) -> Iterator[str]:
    cost_id = "'cost_' || trace_id || '_' || span_id"
    yield (
        "INSERT INTO spans BY NAME SELECT trace_id, span_id, 'chat' AS name, 'client' AS kind, moment AS start_time, "
        "1000000 AS duration_ns, 'ok' AS status, 'filler' AS service_name, customer_id, '{}' AS attributes, "
        "hash(n)::UBIGINT AS content_hash, moment AS ingested_at FROM filler"
    )
    yield (
        f"INSERT INTO costs BY NAME SELECT {cost_id} AS cost_id, 'span' AS source, trace_id, span_id, "
        "trace_id AS link_trace_id, moment AS occurred_at, customer_id, 'openai' AS provider, 'gpt-4o' AS model, "
        "'chat' AS operation, 'call' AS role, 'priced' AS status, usd AS cost_usd, 'reported' AS usage_source, "
        "1000 AS input_tokens, 100 AS output_tokens FROM filler"
    )
    yield (
        "INSERT INTO signals BY NAME SELECT signal_id, 'filled' AS event_name, 'otlp' AS source, customer_id, "
        "moment AS occurred_at, moment AS received_at, trace_id, span_id, true AS cost_traced, 1 AS quantity "
        "FROM filler"
    )
    yield (
        f"INSERT INTO cost_links BY NAME SELECT {cost_id} AS cost_id, signal_id, trace_id, 'trace' AS rule, "
        "usd AS cost_usd, moment AS occurred_at FROM filler"
    )
    yield (
        "INSERT INTO event_margins BY NAME SELECT signal_id, 'filled' AS event_name, customer_id, "
        "moment AS occurred_at, usd AS cost_usd, 1 AS model_calls, 0 AS unpriced_calls, "
        "'complete' AS cost_status FROM filler"
    )
    for kind, text in (("trace", "trace_id"), ("signal", "signal_id")):
        yield (
            f"INSERT INTO key_directory BY NAME SELECT {batch} AS batch, {key_hash(kind)} AS key_hash, "
            f"moment AS first_time, moment AS last_time FROM (SELECT {text} AS text, moment FROM filler)"
        )


def _measure(data_dir: Path, seconds: float, rate: float) -> dict[str, Any]:
    config = data_dir / "marginlake.toml"
    config.write_text("")
    began = time.monotonic()
    with ServiceProcess(data_dir, config, data_dir / "service.log") as service:
        service.wait_ready(_START_SECONDS)
        start = time.monotonic() - began
        with Watcher(service.pid, data_dir, new_since=datetime.now(UTC)) as watcher:
            load = generate(service.grpc, seconds=seconds, rate=rate)
            complete = watcher.wait_visible(load.spans, _CATCH_UP_SECONDS)
        code = service.stop()
    wrong = [f"a reader saw an error: {error}" for error in watcher.errors[:3]]
    if not complete:
        wrong.append(f"{load.spans - watcher.visible():,} acknowledged spans never became visible")
    if code != 0:
        wrong.append(f"the service ended with exit code {code}")
    return {
        "start_seconds": round(start, 1),
        "spans": load.spans,
        "ack_ms": {name: round(value, 1) for name, value in load.latency_ms.items()},
        "freshness_ms": {name: round(value) for name, value in watcher.freshness_ms(load.acks, 0).items()},
        "peak_memory_mib": round(watcher.peak_memory() / 2**20),
        "wrong": wrong,
    }


def _print(result: dict[str, Any]) -> None:
    about = result["machine"]
    print(f"{result['date']} · {about['cpu']}, {about['cores']} cores, {about['memory_gib']} GiB\n")
    rows = [
        (f"{result['rate']:,.0f} spans/s beside {result['events']:,} events in the lake", "p50 / p95 / p99 / max, ms")
    ]
    rows.append(("---", "---:"))
    for name, what in (("ack_ms", "acknowledged"), ("freshness_ms", "**from ack to visible in event_margins**")):
        rows.append((what, " / ".join(f"{value:,.0f}" for value in result[name].values()) or "unknown"))
    rows.append(("first start of the service (it takes up the key directory), s", f"{result['start_seconds']:.1f}"))
    rows.append(("peak memory of the service, MiB", f"{result['peak_memory_mib']:,}"))
    print_rows(rows)
    p99 = result["freshness_ms"].get("p99")
    print(f"Goal: p99 under {GOAL_MS:,} ms {'met' if p99 is not None and p99 < GOAL_MS else 'MISSED'}.")
    for line in result["wrong"]:
        print(f"WRONG: {line}")


if __name__ == "__main__":
    sys.exit(main())
