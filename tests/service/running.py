"""The real service as a child process, and the real command line beside it, as an operator would use them."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue
from signal import SIGTERM, Signals
from types import TracebackType
from typing import IO, Any

from lake.read import query

READY = re.compile(r"marginlake is ready: OTLP/gRPC (\S+), OTLP/HTTP (\S+)")
ANY_PORT = "127.0.0.1:0"
COMMAND = [sys.executable, "-m", "marginlake"]
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("MARGINLAKE_", "OTEL_"))}
WITHOUT_KEYS = {"MARGINLAKE_AUTH__ANONYMOUS": "loopback"}


class Service:
    """`marginlake serve` on a data directory, on free loopback ports. As a context manager it leaves nothing running.

    `settings` is TOML. What the service says is in `printed` (standard output) and `log` (standard error, kept in the
    directory `notes`: the one around the data directory, if not given). It may be started again after `stop` or `kill`.
    With `keys` it lets nobody in without an API key.
    """

    def __init__(
        self,
        data_dir: Path,
        settings: str = "",
        *,
        grpc: str = ANY_PORT,
        http: str = ANY_PORT,
        notes: Path | None = None,
        keys: bool = False,
    ) -> None:
        self._environment = ENVIRONMENT if keys else ENVIRONMENT | WITHOUT_KEYS
        self.data_dir = data_dir
        data_dir.mkdir(parents=True, exist_ok=True)
        notes = notes or data_dir.parent
        self._config = notes / f"{data_dir.name}.toml"
        self._config.write_text(settings)
        self._log = notes / f"{data_dir.name}.log"
        self._ask = (grpc, http)
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        self.printed: list[str] = []
        self.grpc = ""
        self.http = ""

    def start(self, timeout: float = 30.0) -> "Service":
        """Start it and wait for the line that says it is ready."""
        self.launch()
        self.wait_ready(timeout)
        return self

    def launch(self) -> None:
        """Start it and do not wait."""
        grpc, http = self._ask
        command = [*COMMAND, "serve", "--data", str(self.data_dir), "--config", str(self._config)]
        self._lines = SimpleQueue()
        self.printed = []
        with self._log.open("ab") as errors:
            self.process = subprocess.Popen(
                [*command, "--grpc", grpc, "--http", http],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=self._environment,
                text=True,
            )
        assert self.process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
        self._reader.start()

    def wait_ready(self, timeout: float = 30.0) -> None:
        """Wait until it takes requests; `grpc` and `http` are HOST:PORT then."""
        until = time.monotonic() + timeout
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, until - time.monotonic()))
            except Empty:
                raise AssertionError(f"not ready within {timeout:.0f} s: {self.log}") from None
            assert line is not None, f"it ended before it was ready: {self.log}"
            if found := READY.search(line):
                self.grpc, self.http = found.groups()
                return

    def send(self, number: Signals) -> None:
        """Send it a signal of the operating system."""
        self.process.send_signal(number)

    def stop(self, number: Signals = SIGTERM, timeout: float = 15.0) -> int:
        """Ask it to drain and stop; returns its exit code."""
        if self.alive():
            self.send(number)
        return self.wait(timeout)

    def wait(self, timeout: float = 15.0) -> int:
        """Wait for its end; returns its exit code."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout:.0f} s: {self.log[-2000:]}") from None
        self._reader.join(5)
        return code

    def kill(self) -> None:
        """`kill -9`."""
        self.process.kill()
        self.wait()

    def alive(self) -> bool:
        """Whether it runs."""
        return self.process.poll() is None

    @property
    def log(self) -> str:
        """All it wrote to standard error, over all starts."""
        return self._log.read_text(errors="replace")

    def __enter__(self) -> "Service":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.alive():
            self.send(SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(15)
        self._reader.join(5)

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                self.printed.append(line.rstrip("\n"))
                self._lines.put(line)
        self._lines.put(None)


def marginlake(*arguments: str, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
    """One command, in a process of its own."""
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=timeout, env=ENVIRONMENT, check=False
    )


def sql(data_dir: Path, text: str) -> list[dict[str, Any]]:
    """Rows of `marginlake sql`; money is exact text."""
    answer = marginlake("sql", text, "--data", str(data_dir), "--format", "json")
    assert answer.returncode == 0, answer.stderr
    rows: list[dict[str, Any]] = json.loads(answer.stdout)
    return rows


def healthy(data_dir: Path) -> str:
    """Assert that `marginlake doctor` finds nothing wrong; returns what it said."""
    answer = marginlake("doctor", "--data", str(data_dir))
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def wait_for(data_dir: Path, text: str, expected: object, timeout: float = 15.0) -> float:
    """Wait until a query that gives one value gives this one; returns the seconds it took."""
    began = time.monotonic()
    while (found := query(data_dir, text).item()) != expected:
        waited = time.monotonic() - began
        assert waited < timeout, f"{text}: still {found!r} after {waited:.0f} s, expected {expected!r}"
        time.sleep(0.1)
    return time.monotonic() - began
