"""The compiled scanner, ready: one process compiles it, those beside it wait and load what that one has kept."""

import fcntl
import tempfile
from pathlib import Path

import pytest

from receiver.wire_ready import wait_until_ready


@pytest.fixture(scope="session")
def scanner() -> None:
    with (Path(tempfile.gettempdir()) / "marginlake-tests-compile.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert wait_until_ready(timeout_s=600)
