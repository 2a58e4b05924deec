"""`marginlake demo`: the whole loop on a fresh directory, and proof that the lake says what was sent."""

import signal
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from rich.console import Console

from marginlake.demo import check, directory, report, story, traffic, truth
from marginlake.demo.child import ServiceError, ServiceProcess

VISIBLE_WITHIN = 20.0
_POLL = 0.25
_MOST_LINES = 12


def run_demo(data_dir: Path, console: Console) -> int:
    """Start the service, send the traffic, compare, stop the service, print the report. Returns the exit code.

    0: the lake says exactly what was sent. 1: it does not, or something failed (one line says what). 130: Ctrl-C.
    The data directory stays.
    """
    try:
        with _terminable():
            return _run(data_dir, console)
    except KeyboardInterrupt:
        console.print("Interrupted; the service was stopped.")
        return 130
    except (directory.DemoDirectoryError, ServiceError, traffic.TrafficError, OSError) as error:
        console.print("[red]The demo failed:[/]", end=" ")
        console.print(str(error), highlight=False, markup=False)
        return 1


def _run(data_dir: Path, console: Console) -> int:
    began = time.monotonic()
    config = directory.prepare(data_dir)
    plan = story.tell()
    known = truth.of(plan, tomllib.loads(config.read_text(encoding="utf-8"))["revenue"])
    with ServiceProcess(data_dir, config, data_dir / "service.log") as service:
        service.wait_ready()
        console.print(f"The service runs: OTLP/gRPC on {service.grpc}, OTLP/HTTP and REST on {service.http}.")
        sent = traffic.send(plan, grpc=service.grpc, http=service.http)
        console.print(
            f"Sent {known.spans:,} spans of {len(plan.traces):,} traces through OpenTelemetry's own exporters "
            f"(and {sent.repeated_spans:,} of them twice), {known.otlp_signals:,} signals inside them, "
            f"{sent.api_ingested:,} by REST: {sent.seconds:.1f} s."
        )
        wrong, waited = _wait_visible(known, data_dir, service)
        code = service.stop()
    if wrong:
        console.print(f"[red]The lake does not say what was sent[/] (after {waited:.0f} s):")
        for line in wrong[:_MOST_LINES]:
            console.print(f"  {line}", highlight=False, markup=False)
        if len(wrong) > _MOST_LINES:
            console.print(f"  and {len(wrong) - _MOST_LINES} more.")
        if tail := service.log_tail():
            console.print(f"The service's log ends with:{tail}", highlight=False, markup=False)
        return 1
    if code != 0:
        raise ServiceError(f"the service ended with exit code {code}{service.log_tail()}")
    if after := check.differences(known, data_dir):
        console.print(f"[red]The lake changed while the service stopped:[/] {after[0]}", highlight=False)
        return 1
    console.print(
        f"All of it visible to SQL in another process {waited:.1f} s after the last acknowledgement. "
        "The service drained and stopped.\n"
    )
    report.show(data_dir, console)
    console.print(
        f"[bold]Checked[/]: {known.calls:,} model calls ({known.priced:,} priced, {known.unpriced:,} unpriced, "
        f"{known.zero_rated:,} failed), {known.aggregates:,} spans that only repeat others, {known.signals:,} events, "
        f"every token, every revenue: as sent. {time.monotonic() - began:.0f} s in all."
    )
    report.show_questions(data_dir, console)
    return 0


def _wait_visible(known: truth.Truth, data_dir: Path, service: ServiceProcess) -> tuple[list[str], float]:
    """Poll until the lake says what was sent; returns what still differs at the end, and the seconds waited."""
    began = time.monotonic()
    while True:
        all_there = check.arrived(known, data_dir)
        waited = time.monotonic() - began
        wrong = check.differences(known, data_dir) if all_there or waited > VISIBLE_WITHIN else ["not all is there"]
        if not wrong or waited > VISIBLE_WITHIN:
            return wrong, waited
        if not service.alive():
            raise ServiceError(f"the service died{service.log_tail()}")
        time.sleep(_POLL)


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM unwind the demo like Ctrl-C does, so that the service is stopped then, too."""

    def interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
