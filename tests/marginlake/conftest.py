import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from marginlake.cli import run
from tests.marginlake.captured_lakes import captured_lake


@dataclass(frozen=True)
class Answer:
    """What a command line answered."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line on standard error; fails when there is more, or a traceback."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("marginlake: "), self.err
        return lines[0].removeprefix("marginlake: ")


@pytest.fixture(scope="session")
def lake_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with everything that was captured; for reading only."""
    data_dir = tmp_path_factory.mktemp("captured")
    captured_lake(data_dir)
    return data_dir


@pytest.fixture
def cli(capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Answer]]:
    """`cli("sql", "SELECT 1")`: the command in this process, in a world without settings of ours."""
    for name in [name for name in os.environ if name.startswith("MARGINLAKE_")]:
        monkeypatch.delenv(name)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def answer(*arguments: object) -> Answer:
        code = run([str(argument) for argument in arguments])
        captured = capsysbinary.readouterr()
        return Answer(code, captured.out.decode(), captured.err.decode())

    yield answer
    # The command sends logs to the standard error of this test, which is about to be closed.
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def process() -> Callable[..., Answer]:
    """`process("quote", "-", given="...")`: the same as a process of its own."""

    def answer(*arguments: object, given: bytes = b"") -> Answer:
        done = subprocess.run(
            [sys.executable, "-m", "marginlake", *map(str, arguments)],
            input=given,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())

    return answer
