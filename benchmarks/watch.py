"""Watches a running service from outside: memory of its process, and what SQL in this process can see of its lake."""

import bisect
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType

import psutil

from benchmarks.loadgen import percentiles
from benchmarks.spans import CALLS_PER_TRACE, SIGNALS_PER_TRACE, SPANS_PER_TRACE
from lake.connect import Lake

_MEMORY_EVERY = 0.1
_LOOK_EVERY = 0.25
_COUNTS = """
SELECT (SELECT count(*) FROM spans WHERE start_time >= '{since}') AS spans,
       (SELECT count(*) FROM costs WHERE status <> 'aggregate' AND occurred_at >= '{since}') AS calls,
       (SELECT count(*) FROM event_margins WHERE occurred_at >= '{since}') AS margins
"""
_BEGUN_BEFORE = timedelta(minutes=1)
_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Seen:
    """How many rows SQL saw at a time (nanoseconds of the monotonic clock, taken when the answer was there)."""

    at: int
    spans: int
    calls: int
    margins: int

    @property
    def whole_spans(self) -> int:
        """Spans whose costs and margins are visible, too."""
        by_calls = self.calls * SPANS_PER_TRACE // CALLS_PER_TRACE
        by_margins = self.margins * SPANS_PER_TRACE // SIGNALS_PER_TRACE
        return min(self.spans, by_calls, by_margins)


@dataclass
class Watcher:
    """Samples in two threads of its own while used as a context manager. Rows from before `new_since` do not count."""

    pid: int
    data_dir: Path
    new_since: datetime = _LONG_AGO
    seen: list[Seen] = field(default_factory=list)
    memory: list[tuple[int, int]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def __enter__(self) -> "Watcher":
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._look, self._weigh)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(30)

    def visible(self) -> int:
        """Spans that are visible now, with their costs and margins."""
        return self.seen[-1].whole_spans if self.seen else 0

    def wait_visible(self, spans: int, timeout: float) -> bool:
        """Wait until so many spans are visible with all that is theirs; False when `timeout` seconds pass first."""
        until = time.monotonic() + timeout
        while self.visible() < spans:
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True

    def visible_at(self, spans: int) -> int | None:
        """When so many spans were first seen (nanoseconds of the monotonic clock)."""
        index = bisect.bisect_left(self.seen, spans, key=lambda seen: seen.whole_spans)
        return self.seen[index].at if index < len(self.seen) else None

    def freshness_ms(self, acks: list[tuple[int, int]], before: int) -> dict[str, float]:
        """Milliseconds from acknowledgement to visible: p50, p95, p99, max.

        `acks`: (time, spans acknowledged by then); `before`: spans visible before the first of them. The lake is looked
        at every quarter second, so that each figure is too high by up to that.
        """
        lags = [
            (at - acked) / 1e6 for acked, spans in acks if (at := self.visible_at(before + spans)) is not None
        ]  # fmt: skip
        return percentiles(lags) if lags else {}

    def peak_memory(self, since: int = 0) -> int:
        """Largest resident size in bytes, from a time of the monotonic clock on."""
        return max((size for at, size in self.memory if at >= since), default=0)

    def _look(self) -> None:
        # the traces that the generator sends have begun a few seconds before
        counts = _COUNTS.format(since=self.new_since - min(_BEGUN_BEFORE, self.new_since - _LONG_AGO))
        with Lake.open(self.data_dir, read_only=True, threads=1) as lake:
            while not self._stopped.is_set():
                try:
                    spans, calls, margins = lake.read(counts).row(0)
                    self.seen.append(Seen(time.monotonic_ns(), spans, calls, margins))
                except Exception as error:  # noqa: BLE001 (a reader must never see an error: kept, and reported)
                    self.errors.append(str(error).splitlines()[0])
                self._stopped.wait(_LOOK_EVERY)

    def _weigh(self) -> None:
        process = psutil.Process(self.pid)
        while not self._stopped.wait(_MEMORY_EVERY):
            try:
                self.memory.append((time.monotonic_ns(), process.memory_info().rss))
            except psutil.Error:
                return


def disk_usage(data_dir: Path) -> dict[str, int]:
    """Bytes by purpose: parquet, catalog, journal (segments not yet archived), archive, other."""
    sizes = dict.fromkeys(("parquet", "catalog", "journal", "archive", "other"), 0)
    for file in data_dir.rglob("*"):
        if not file.is_file():
            continue
        parts = file.relative_to(data_dir).parts
        if file.suffix == ".parquet":
            purpose = "parquet"
        elif parts[0].startswith("catalog"):
            purpose = "catalog"
        else:
            purpose = next((name for name in ("archive", "journal") if name in parts), "other")
        sizes[purpose] += file.stat().st_size
    return sizes
