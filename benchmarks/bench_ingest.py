"""`make bench`: how much the real service takes, how fast rows become visible, and what this machine could do at most.

Prints a table in Markdown and writes `benchmarks/results/latest.json`. Exit code 1 when the lake does not hold exactly
what was acknowledged, or the money in it does not add up.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import limits, machine
from benchmarks.loadgen import Load
from benchmarks.runs import generate
from benchmarks.spans import CALLS_PER_TRACE, EVENT, PRODUCT, SIGNALS_PER_TRACE, SPANS_PER_TRACE
from benchmarks.table import print_table
from benchmarks.watch import Watcher, disk_usage
from lake.read import query
from marginlake.demo.check import conservation
from marginlake.demo.child import ServiceProcess

RESULTS = Path(__file__).parent / "results" / "latest.json"
_CATCH_UP_SECONDS = 300.0
_CONFIG = f"""
[[revenue]]
product = "{PRODUCT}"
event = "{EVENT}"
unit_price_usd = "0.02"
"""
_COUNTS = """
SELECT (SELECT count(*) FROM spans) AS spans,
       (SELECT count(*) FROM (SELECT DISTINCT trace_id, span_id FROM spans)) AS distinct_spans,
       (SELECT count(*) FROM costs WHERE status = 'priced') AS priced_calls,
       (SELECT count(*) FROM event_margins WHERE margin_usd IS NOT NULL) AS margins,
       (SELECT count(*) FROM rejected) AS rejected
"""


@dataclass(frozen=True, slots=True)
class Phase:
    """One load on the service, and what was seen of it. `visible_seconds`: first send until all rows were visible."""

    load: Load
    visible_seconds: float
    freshness_ms: dict[str, float]
    peak_memory: int

    @property
    def visible_spans_per_second(self) -> float:
        """Spans per second from the first send until all of them were visible with their costs and margins."""
        return self.load.spans / self.visible_seconds

    def as_dict(self) -> dict[str, Any]:
        """For the results file."""
        return {
            "spans": self.load.spans,
            "requests": self.load.requests,
            "acknowledged_spans_per_second": round(self.load.spans_per_second),
            "visible_spans_per_second": round(self.visible_spans_per_second),
            "ack_ms": {name: round(value, 2) for name, value in self.load.latency_ms.items()},
            "freshness_ms": {name: round(value) for name, value in self.freshness_ms.items()},
            "peak_memory_mib": round(self.peak_memory / 2**20),
            "retries": self.load.retries,
        }


def main() -> int:
    """Run everything; returns the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks.bench_ingest", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="length of each load")
    parser.add_argument("--limit-seconds", type=float, default=5.0, help="length of each of the machine's own limits")
    parser.add_argument("--rate", type=float, default=5000.0, help="spans per second of the steady load")
    parser.add_argument("--connections", type=int, default=4)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="marginlake-bench-") as directory:
        data_dir = Path(directory) / "data"
        phases, wrong = _ingest(data_dir, options)
        spans = sum(phase.load.spans for phase in phases.values())
        result = {
            "date": datetime.now(UTC).date().isoformat(),
            "machine": machine.describe(),
            "seconds": options.seconds,
            "connections": options.connections,
            "payload_bytes_per_span": round(phases["most"].load.payload_bytes / phases["most"].load.spans),
            **{name: phase.as_dict() for name, phase in phases.items()},
            "disk_bytes_per_span": {name: round(size / spans, 1) for name, size in disk_usage(data_dir).items()},
            "limits": {
                name: round(value)
                for name, value in limits.measure(options.limit_seconds, options.connections, data_dir).items()
            },
            "wrong": wrong,
        }
    print_table(result)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    return 1 if wrong else 0


def _ingest(data_dir: Path, options: argparse.Namespace) -> tuple[dict[str, Phase], list[str]]:
    """Load the real service twice: as much as it takes, then steadily; returns the phases and what was wrong."""
    data_dir.mkdir()
    config = data_dir / "marginlake.toml"
    config.write_text(_CONFIG)
    with ServiceProcess(data_dir, config, data_dir / "service.log") as service:
        service.wait_ready()
        with Watcher(service.pid, data_dir) as watcher:
            print(f"most: {options.seconds:.0f} s as fast as acknowledged …", file=sys.stderr)
            most = _phase(service, watcher, options, rate=None)
            print(f"steady: {options.seconds:.0f} s at {options.rate:,.0f} spans/s …", file=sys.stderr)
            steady = _phase(service, watcher, options, rate=options.rate)
        code = service.stop()
    wrong = [f"a reader saw an error: {error}" for error in watcher.errors[:3]]
    if code != 0:
        wrong.append(f"the service ended with exit code {code}")
    wrong += _verify(data_dir, most.load.spans + steady.load.spans)
    return {"most": most, "steady": steady}, wrong


def _phase(service: ServiceProcess, watcher: Watcher, options: argparse.Namespace, *, rate: float | None) -> Phase:
    before, began = watcher.visible(), time.monotonic_ns()
    load = generate(
        service.grpc,
        seconds=options.seconds,
        rate=rate,
        connections=options.connections,
        seed=1 if rate is None else 2,
    )
    if not watcher.wait_visible(before + load.spans, _CATCH_UP_SECONDS):
        missing = before + load.spans - watcher.visible()
        raise SystemExit(f"{missing:,} acknowledged spans were not visible after {_CATCH_UP_SECONDS:.0f} s more")
    done = watcher.visible_at(before + load.spans)
    assert done is not None  # it was waited for
    return Phase(
        load=load,
        visible_seconds=(done - load.first_send) / 1e9,
        freshness_ms=watcher.freshness_ms(load.acks, before),
        peak_memory=watcher.peak_memory(since=began),
    )


def _verify(data_dir: Path, acknowledged: int) -> list[str]:
    """What the lake says otherwise than what was acknowledged; empty when all is there once and adds up."""
    counts = query(data_dir, _COUNTS).row(0, named=True)
    traces = acknowledged // SPANS_PER_TRACE
    expected = {
        "spans": acknowledged,
        "distinct_spans": acknowledged,
        "priced_calls": traces * CALLS_PER_TRACE,
        "margins": traces * SIGNALS_PER_TRACE,
        "rejected": 0,
    }
    wrong = [
        f"{name}: {counts[name]:,}, expected {count:,}" for name, count in expected.items() if counts[name] != count
    ]
    money = conservation(data_dir)
    if not money.holds:
        wrong.append(f"conservation: {money.linked} + {money.unclaimed} is not {money.total}")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
