"""How fast `marginlake backfill` makes a lake anew from its archive: decode, dialects, prices, links, margins, commit.

Writes an archive with the service's own journal and archive, then runs the command as a process of its own. Beside it,
in the same run: each stage alone in one thread (CPU time per span), and what DuckDB needs merely to read and write the
Parquet files that came out. Exit code 1 when the lake does not hold exactly what the archive does.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from benchmarks import machine
from benchmarks.payloads import SPANS, templates
from benchmarks.runs import ROOT
from benchmarks.spans import CALLS_PER_TRACE, EVENT, PRODUCT, SIGNALS_PER_TRACE, SPANS_PER_TRACE
from benchmarks.table import print_rows
from lake.bulk import write_rows
from lake.connect import Lake
from lake.frames import conform
from lake.read import query
from lake.schema import TABLES
from marginlake.config import load
from marginlake.demo.check import conservation
from marginlake.landing import land
from marginlake.pipeline import prepare
from marginlake.rules import rules_from
from marginlake.sources import ARCHIVE
from receiver.decode import decode_traces
from receiver.journal import Journal, Kind, Record
from receiver.journal.archive import archive_closed
from receiver.otlp_files import Payload, read_payloads

RESULTS = Path(__file__).parent / "results" / "backfill.json"
QUICK = 100_000
GOAL = 300_000
_STAGE_SPANS = 131_072
_TEMPLATES = 16
_CONFIG = f'[[revenue]]\nproduct = "{PRODUCT}"\nevent = "{EVENT}"\nunit_price_usd = "0.02"\n'
_COUNTS = """
SELECT (SELECT count(*) FROM spans) AS spans,
       (SELECT count(*) FROM costs WHERE status = 'priced') AS calls,
       (SELECT count(*) FROM event_margins WHERE margin_usd IS NOT NULL) AS margins,
       (SELECT count(*) FROM rejected) AS rejected
"""
_TABLES = ("spans", "costs", "signals", "cost_links", "event_margins")


@dataclass(frozen=True, slots=True)
class Run:
    """A whole `marginlake backfill`: seconds on the clock, of CPU in all its threads, largest resident bytes."""

    seconds: float
    cpu_seconds: float
    peak_memory: int
    said: str


def main() -> int:
    """Run everything; returns the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks.bench_backfill", description=__doc__)
    parser.add_argument("--spans", type=int, default=2_000_000)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK:,} spans")
    options = parser.parse_args()
    requests = max((QUICK if options.quick else options.spans) // SPANS, 1)
    with tempfile.TemporaryDirectory(prefix="marginlake-bench-") as directory:
        data_dir = Path(directory) / "data"
        data_dir.mkdir()
        (data_dir / "marginlake.toml").write_text(_CONFIG)
        print(f"writing an archive of {requests * SPANS:,} spans …", file=sys.stderr)
        archived = _write_archive(data_dir, requests)
        print("stages, one at a time …", file=sys.stderr)
        stages = _stages(data_dir, Path(directory) / "stages")
        print("marginlake backfill …", file=sys.stderr)
        run = _backfill(data_dir)
        spans = requests * SPANS
        result: dict[str, Any] = {
            "date": datetime.now(UTC).date().isoformat(),
            "machine": machine.describe(),
            "spans": spans,
            "archive_bytes_per_span": round(archived / spans, 1),
            "spans_per_second": round(spans / run.seconds),
            "seconds": round(run.seconds, 2),
            "cpu_us_per_span": round(run.cpu_seconds / spans * 1e6, 2),
            "peak_memory_mib": round(run.peak_memory / 2**20),
            "stage_cpu_us_per_span": {name: round(value, 2) for name, value in stages.items()},
            "parquet": _parquet(data_dir, spans, Path(directory)),
            "wrong": _wrong(data_dir, spans),
        }
    _print(result)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    return 1 if result["wrong"] else 0


def _write_archive(data_dir: Path, requests: int) -> int:
    """Requests through the journal, all its segments archived; returns the archive's bytes."""
    forms = templates(_TEMPLATES, seed=11)
    journal_dir = data_dir.with_name("journal-of-the-archive")
    now = time.time_ns()
    with Journal(journal_dir, fsync=False) as journal:
        for number in range(requests):
            # a request every 100 ms until now: two million spans are some six minutes of traffic
            made = forms[number % _TEMPLATES].fill(now - (requests - number) * 100_000_000)
            stored = journal.append(Kind.TRACES, made)
            if number % 16 == 0 or number == requests - 1:
                stored.result(60)
        end = journal.durable_seq + 1
    (journal_dir / f"{end:020d}.mlj").touch()  # so that the last segment counts as closed
    return sum(path.stat().st_size for path in archive_closed(journal_dir, data_dir / ARCHIVE, end))


def _stages(data_dir: Path, scratch: Path) -> dict[str, float]:
    """CPU microseconds per span of each stage on the archive's first spans, in this process; the second time counts."""
    rules = rules_from(load(None, data_dir), data_dir)
    took: dict[str, float] = {}
    with Lake.open(scratch) as lake:
        for round_ in (1, 2):
            began = time.process_time()
            records = _records(data_dir)
            read = time.process_time()
            prepared = prepare(records, rules)
            ready = time.process_time()
            # the first time only a little, so that the rest is new to the lake when it is measured
            land(lake, prepared if round_ == 2 else prepare(records[:1], rules), rules, f"round {round_}", 1)
            landed = time.process_time()
            spans = prepared.spans.height
            decode_traces([(record.payload, record.received_ns) for record in records], rules.wanted)
            decoded = time.process_time()
            rows = {name: conform(lake.read(f"SELECT * FROM {name}"), TABLES[name]) for name in _TABLES}
            loaded = time.process_time()
            for name, frame in rows.items():
                write_rows(scratch / f"{name}.parquet", TABLES[name], frame)
            written = time.process_time()
            parts = {
                "read and unpack": read - began,
                "prepare": ready - read,
                "prepare: of that, decode": decoded - landed,
                "land": landed - ready,
                "land: of that, write Parquet": written - loaded,
            }
            took = {name: seconds / spans * 1e6 for name, seconds in parts.items()}
    return took


def _records(data_dir: Path) -> list[Record]:
    records: list[Record] = []
    for path in sorted((data_dir / ARCHIVE).iterdir()):
        for item in read_payloads(path, max_payload_bytes=64 << 20):
            if isinstance(item, Payload):
                records.append(Record(item.index + 1, item.kind, item.received_ns or 0, item.payload))
            if len(records) * SPANS >= _STAGE_SPANS:
                return records
    return records


def _backfill(data_dir: Path) -> Run:
    """The command as a process; its own figures and not those of other children."""
    command = [sys.executable, "-m", "marginlake", "backfill", "--data", str(data_dir)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MARGINLAKE_")}
    output = data_dir / "backfill.log"
    began = time.perf_counter()
    with output.open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    said = output.read_text()
    if process.returncode != 0:
        raise SystemExit(f"marginlake backfill failed: {said[-500:]}")
    scale = 1 if sys.platform == "darwin" else 1024
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * scale, said)


def _parquet(data_dir: Path, spans: int, scratch: Path) -> dict[str, float]:
    """What DuckDB needs merely to read, and to read and write, the Parquet files of the lake: seconds, bytes a span."""
    connection = duckdb.connect()
    sizes = 0
    seconds = {"read": 0.0, "write": 0.0}
    for table in _TABLES:
        folder = data_dir / "data" / "main" / table
        sizes += sum(path.stat().st_size for path in folder.glob("*.parquet"))
        began = time.perf_counter()
        connection.execute(f"CREATE OR REPLACE TEMP TABLE given AS FROM read_parquet('{folder}/*.parquet')")
        read = time.perf_counter()
        connection.execute(f"COPY given TO '{scratch}/out.parquet' (FORMAT parquet, COMPRESSION zstd)")
        seconds["read"] += read - began
        seconds["write"] += time.perf_counter() - read
    connection.close()
    return {
        "read_seconds": round(seconds["read"], 2),
        "write_seconds": round(seconds["write"], 2),
        "bytes_per_span": round(sizes / spans, 1),
    }


def _wrong(data_dir: Path, spans: int) -> list[str]:
    """What the lake says otherwise than the archive; empty when all is there once and adds up."""
    counts = query(data_dir, _COUNTS).row(0, named=True)
    traces = spans // SPANS_PER_TRACE
    expected = {
        "spans": spans,
        "calls": traces * CALLS_PER_TRACE,
        "margins": traces * SIGNALS_PER_TRACE,
        "rejected": 0,
    }
    wrong = [
        f"{name}: {counts[name]:,}, expected {value:,}" for name, value in expected.items() if counts[name] != value
    ]
    money = conservation(data_dir)
    if not money.holds:
        wrong.append(f"conservation: {money.linked} + {money.unclaimed} is not {money.total}")
    return wrong


def _print(result: dict[str, Any]) -> None:
    about = result["machine"]
    print(
        f"{result['date']} · {about['cpu']}, {about['cores']} cores, {about['memory_gib']} GiB · "
        f"Python {about['python']}, DuckDB {about['duckdb']}\n"
    )
    parquet = result["parquet"]
    print_rows(
        [
            (f"backfill of {result['spans']:,} spans from the archive", ""),
            ("---", "---:"),
            ("**spans/s, archive to margins, whole process**", f"{result['spans_per_second']:,}"),
            ("seconds", f"{result['seconds']:,}"),
            ("CPU µs a span, all threads", f"{result['cpu_us_per_span']}"),
            ("peak memory, MiB", f"{result['peak_memory_mib']:,}"),
            *((f"{name} alone, CPU µs a span", f"{took}") for name, took in result["stage_cpu_us_per_span"].items()),
            ("DuckDB: merely reading the Parquet that came out, s", f"{parquet['read_seconds']}"),
            ("DuckDB: merely writing it again, s", f"{parquet['write_seconds']}"),
            ("bytes a span: archive / Parquet", f"{result['archive_bytes_per_span']} / {parquet['bytes_per_span']}"),
        ]
    )
    met = result["spans_per_second"] >= GOAL
    print(f"Goal: {GOAL:,} spans/s {'met' if met else 'MISSED'}.")
    for line in result["wrong"]:
        print(f"WRONG: {line}")
    if not result["wrong"]:
        print("Checked: every span is there once, every call priced, every event has its margin, Σ adds up.")


if __name__ == "__main__":
    sys.exit(main())
