"""Processes of a benchmark: the generator, and the server that only acknowledges, apart from the measured service."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.loadgen import Load

ROOT = Path(__file__).resolve().parent.parent


class RunError(RuntimeError):
    """A process of the benchmark failed; the message holds what it said last."""


def generate(target: str, *, seconds: float, rate: float | None = None, connections: int = 4, seed: int = 1) -> Load:
    """Run the generator in a process of its own against `host:port`; raises RunError when requests failed."""
    with tempfile.TemporaryDirectory() as directory:
        result = Path(directory) / "load.json"
        command = [sys.executable, "-m", "benchmarks.loadgen", target, "--json", str(result)]
        command += ["--seconds", str(seconds), "--connections", str(connections), "--seed", str(seed)]
        if rate is not None:
            command += ["--rate", str(rate)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds + 180, check=False)
        if done.returncode != 0:
            raise RunError(f"the generator failed: {(done.stdout + done.stderr).strip()[-500:]}")
        load = Load(**json.loads(result.read_text()))
    load.acks = [(at, spans) for at, spans in load.acks]
    return load


@contextmanager
def acknowledging_server() -> Iterator[str]:
    """A gRPC server that answers every export at once and does nothing else; yields its `host:port`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.ack_server"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None  # PIPE was asked for
        address = process.stdout.readline().strip()
        if not address:
            raise RunError("the acknowledging server did not start")
        yield address
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()
