"""Property tests: no deadline, since a busy machine is no bug; the same examples at every run in CI. No tokenizers."""

import fcntl
import importlib.metadata
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from rich.console import Console

from lake.connect import Lake
from marginlake.demo.run import run_demo
from tests.new_lakes import REALLY_OPEN, copied_when_new

for _name in ("TIKTOKEN_CACHE_DIR", "MARGINLAKE_TOKENIZERS"):
    os.environ.pop(_name, None)  # tokenizers of this machine are no part of a test

settings.register_profile("marginlake", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("marginlake")


LONG = (
    "test_mixture", "test_kill", "test_reprice_command", "test_properties", "test_reprice_properties",
    "test_relink_plain", "test_alert_figures", "test_same_in_any_order", "test_wire_scan", "test_import", "test_whatif",
    "test_paid_edge_cases_signals", "test_backfill",
)  # fmt: skip
"""Files that take half a minute and more of one core's time."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first: processes that share the suite by files end together, and do not wait for the last long one."""
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


@pytest.fixture(scope="session", autouse=True)
def _new_lakes_are_copies() -> Iterator[None]:
    """Migrations run once for all tests of a process, except for those that ask for `migrations_run`."""
    with copied_when_new():
        yield


@pytest.fixture
def migrations_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """New lakes are made by their migrations, as they are outside of tests."""
    monkeypatch.setattr(Lake, "open", REALLY_OPEN)


@pytest.fixture
def without_litellm(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the package litellm were not installed, whether or not it is."""
    known = importlib.metadata.distribution

    def distribution(name: str) -> importlib.metadata.Distribution:
        if name == "litellm":
            raise importlib.metadata.PackageNotFoundError(name)
        return known(name)

    monkeypatch.setattr(importlib.metadata, "distribution", distribution)


@pytest.fixture(scope="session")
def demo_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory that `marginlake demo` leaves behind; only to be read. Processes of a run share it."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    data, done = folder / "marginlake-demo", folder / "marginlake-demo.done"
    with (folder / "marginlake-demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            assert run_demo(data, Console(quiet=True)) == 0
            done.touch()
    return data
