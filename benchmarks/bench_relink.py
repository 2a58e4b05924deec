"""`python -m benchmarks.bench_relink`: relinking and rolling up a large lake, beside what reading and writing it takes.

Builds a lake (see `event_lake.py`), then measures in one run: relink with nothing to change, relink after all links and
margins were deleted, and rollup of all days; beside them what DuckDB alone needs to read the same Parquet files and to
write the rows of links and margins again. Prints a table in Markdown and writes `benchmarks/results/relink.json`. Exit
code 1 when the lake is not the same after as before, or an invariant does not hold.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil

from analytics.invariants import INVARIANTS
from analytics.period import Period
from analytics.recompute import Changes
from analytics.relink import relink
from analytics.rollup import rollup
from benchmarks import machine
from benchmarks.event_lake import DAYS, FIRST, build, rules
from benchmarks.table import print_rows
from lake.connect import Lake
from lake.schema import TABLES

RESULTS = Path(__file__).parent / "results" / "relink.json"
EVENTS, QUICK_EVENTS = 10_000_000, 200_000
MEMORY_LIMIT = "2GB"
"""Of DuckDB; frames of Polars come on top."""

_READ = {
    "spans": "trace_id, span_id, parent_span_id, start_time, dialect, customer_id, product_id, cost_scope, "
    "own_customer_id, own_product_id, own_cost_scope, sampling_weight",
    "costs": "cost_id, source, trace_id, span_id, link_trace_id, cost_scope, occurred_at, customer_id, product_id, "
    "own_customer_id, own_product_id, own_cost_scope, role, scope_name, response_id, status, dedup, rate_note, "
    "cost_usd, price_rule, likeness, sampling_weight",
    "signals": "*",
    "cost_links": "*",
    "event_margins": "*",
}
"""The columns that a relink reads at least once."""

_WRITTEN = ("cost_links", "event_margins")


@dataclass(frozen=True)
class Step:
    """What one step took: seconds on the clock and of the processors, and the largest resident size, MiB."""

    seconds: float
    cpu_seconds: float
    peak_mib: float


def main() -> int:
    """Measure, print, write the results file; returns the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks.bench_relink", description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_EVENTS:,} events")
    parser.add_argument("--lake", type=Path, help="build the lake here and leave it (default: a temporary directory)")
    options, _ = parser.parse_known_args()
    events = QUICK_EVENTS if options.quick else options.events
    with tempfile.TemporaryDirectory() as folder:
        result = _measure(options.lake or Path(folder) / "lake", events)
    _print(result)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    return 1 if result["wrong"] else 0


def _measure(folder: Path, events: int) -> dict[str, Any]:
    using = rules()
    steps: dict[str, Step] = {}
    wrong: list[str] = []
    if not (folder / "catalog.sqlite").exists():
        with _timed(steps, "build"):
            build(folder, events)
    with Lake.open(folder, memory_limit=MEMORY_LIMIT) as lake:
        events, calls = lake.read("SELECT (SELECT count(*) FROM signals), (SELECT count(*) FROM costs)").row(0)
        before = _totals(lake)
        with _timed(steps, "read the columns, nothing else"):
            for table, columns in _READ.items():
                names = [name for name in TABLES[table].column_names if columns == "*" or name in columns.split(", ")]
                lake.read(f"SELECT {', '.join(f'max({name})' for name in names)} FROM {table}")
        with _timed(steps, "write links and margins, nothing else"), tempfile.TemporaryDirectory() as copies:
            cursor = lake.cursor()
            for table in _WRITTEN:
                cursor.execute(f"COPY (FROM {table}) TO '{copies}/{table}.parquet' (COMPRESSION zstd)")
            cursor.close()
        with _timed(steps, "relink, nothing to change"):
            changes = relink(lake, using.events, using.price_again)
        if changes != Changes():
            wrong.append(f"relink changed a healthy lake: {changes}")
        with lake.durable_transaction() as connection:
            for table in _WRITTEN:
                connection.execute(f"DELETE FROM {table}")
        with _timed(steps, "relink, all links and margins lost"):
            relink(lake, using.events, using.price_again)
        if _totals(lake) != before:
            wrong.append("the links and margins that came back are not those that were lost")
        live = lake.read("FROM margin_daily ORDER BY ALL")
        with _timed(steps, "margin_daily, nothing rolled up"):
            lake.read("FROM margin_daily")
        with _timed(steps, "rollup of all days"):
            rollup(lake, Period(None, FIRST + timedelta(days=DAYS + 1)))
        with _timed(steps, "margin_daily, all rolled up"):
            rolled = lake.read("FROM margin_daily")
        if not rolled.sort(rolled.columns).equals(live.sort(live.columns)):
            wrong.append("margin_daily says something else when it is rolled up")
        wrong += [f"broken: {each.name}" for each in INVARIANTS if lake.read(each.sql).height]
    size = sum(path.stat().st_size for path in (folder / "data").rglob("*.parquet"))
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine.describe(),
        "events": events,
        "calls": calls,
        "data_mib": round(size / 2**20),
        "steps": {name: asdict(step) for name, step in steps.items()},
        "wrong": wrong,
    }


def _totals(lake: Lake) -> list[object]:
    """Numbers that tell the links and margins of two moments apart."""
    found = []
    for table in _WRITTEN:
        kept = [name for name in TABLES[table].column_names if name not in TABLES[table].bookkeeping]
        found += lake.read(f"SELECT count(*), bit_xor(hash({', '.join(kept)})) FROM {table}").row(0)
    return found


@contextmanager
def _timed(steps: dict[str, Step], name: str) -> Iterator[None]:
    """Time the block as a step of that name; its memory is sampled every 20 ms."""
    process, done, sizes = psutil.Process(), threading.Event(), [0]

    def weigh() -> None:
        while not done.wait(0.02):
            sizes.append(process.memory_info().rss)

    thread = threading.Thread(target=weigh, daemon=True)
    thread.start()
    clock: Callable[[], float] = time.perf_counter
    began, cpu = clock(), time.process_time()
    yield
    took, worked = clock() - began, time.process_time() - cpu
    done.set()
    thread.join()
    steps[name] = Step(round(took, 2), round(worked, 2), round(max(sizes) / 2**20))
    print(f"{name}: {took:.1f} s", file=sys.stderr, flush=True)


def _print(result: dict[str, Any]) -> None:
    described, events = result["machine"], result["events"]
    print(
        f"{result['date']} · {described['cpu']}, {described['cores']} cores · {described['system']} · "
        f"Python {described['python']}, DuckDB {described['duckdb']}, Polars {described['polars']}\n\n"
        f"{events:,} events (a trace each), {result['calls']:,} calls, {result['data_mib']:,} MiB of Parquet; "
        f"DuckDB may use {MEMORY_LIMIT}\n"
    )
    print_rows(
        [
            ("step", "seconds", "processor seconds", "events/s", "ns of a processor per event", "peak MiB"),
            ("---", "---:", "---:", "---:", "---:", "---:"),
            *(
                (
                    name,
                    f"{step['seconds']:,.2f}",
                    f"{step['cpu_seconds']:,.2f}",
                    f"{events / max(step['seconds'], 0.01):,.0f}",
                    f"{1e9 * step['cpu_seconds'] / events:,.0f}",
                    f"{step['peak_mib']:,.0f}",
                )
                for name, step in result["steps"].items()
            ),
        ]
    )
    for line in result["wrong"]:
        print(f"WRONG: {line}")
    if not result["wrong"]:
        print("Checked: a healthy lake is left alone, what was lost came back the same, every invariant holds.")


if __name__ == "__main__":
    sys.exit(main())
