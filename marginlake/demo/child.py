"""The real service as a child process: started on free loopback ports, awaited, stopped as an operator would."""

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import IO

_READY = re.compile(r"marginlake is ready: OTLP/gRPC (\S+), OTLP/HTTP (\S+)")
_TAIL_LINES = 5


class ServiceError(RuntimeError):
    """The service did not start, died, or did not stop; the message ends with the last lines of its log."""


class ServiceProcess:
    """`marginlake serve` on a data directory. Use as a context manager: nothing is left running at its end.

    The child gets a session of its own, so that Ctrl-C reaches only us and we stop it properly; and none of the
    caller's `MARGINLAKE_*` settings, so that the configuration file is all it knows.
    """

    def __init__(self, data_dir: Path, config: Path, log: Path) -> None:
        self.grpc = ""
        self.http = ""
        self._log = log
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        command = [sys.executable, "-m", "marginlake", "serve", "--anonymous"]
        command += ["--data", str(data_dir), "--config", str(config)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MARGINLAKE_")}
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [*command, "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment | {"PYTHONUNBUFFERED": "1"},
                start_new_session=True,
                text=True,
            )
        assert self._process.stdout is not None  # PIPE was asked for
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()

    def __enter__(self) -> "ServiceProcess":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            try:
                self.stop()
            except ServiceError:
                self.kill()
        self._reader.join(2)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def wait_ready(self, timeout: float = 30.0) -> None:
        """Wait for the line that names its addresses (`grpc`, `http`: host:port). Raises ServiceError."""
        until = time.monotonic() + timeout
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                raise ServiceError(f"the service was not ready within {timeout:.0f} s{self.log_tail()}") from None
            if line is None:
                code = self._process.wait(5)
                raise ServiceError(f"the service stopped with exit code {code} before it was ready{self.log_tail()}")
            if found := _READY.search(line):
                self.grpc, self.http = found.groups()
                return

    def stop(self, timeout: float = 15.0) -> int:
        """Ask it to drain and stop (SIGTERM); returns its exit code. Raises ServiceError when it does not stop."""
        if self.alive():
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise ServiceError(f"the service did not stop within {timeout:.0f} s{self.log_tail()}") from None

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        self._process.kill()
        self._process.wait(10)

    def log_tail(self) -> str:
        """The last lines of its log, ready to follow a message; empty when it said nothing."""
        lines = self._log.read_text(errors="replace").strip().splitlines()[-_TAIL_LINES:]
        return "".join(f"\n  {line}" for line in lines)

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                self._lines.put(line)
        self._lines.put(None)
