"""The scanner is compiled once for all copies of its sources, and again as soon as one of them says something else."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import receiver
from receiver import wire_cache

SOURCES = Path(receiver.__file__).parent
LOAD = """
from receiver import wire_emit, wire_ready, wire_scan
assert wire_ready.wait_until_ready(300)
for function in (wire_scan.scan, wire_emit.emit):
    hits, misses = (sum(found.values()) for found in (function.stats.cache_hits, function.stats.cache_misses))
    print(function.py_func.__code__.co_filename, hits, misses)
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package in another place, its files with other times."""
    place = tmp_path / "another place" / "receiver"
    shutil.copytree(SOURCES, place, copy_function=shutil.copyfile, ignore=shutil.ignore_patterns("__pycache__"))
    return place


@pytest.mark.timeout(600)  # the first test that needs the scanner may compile it
@pytest.mark.usefixtures("scanner")
@pytest.mark.skipif(wire_cache.CACHE is None, reason="machine code can be kept nowhere here")
def test_a_copy_of_the_sources_loads_what_another_compiled(copy: Path) -> None:
    using = os.environ | {"PYTHONPATH": str(copy.parent)}
    done = subprocess.run([sys.executable, "-c", LOAD], env=using, cwd=copy.parent, capture_output=True, check=True)
    lines = done.stdout.decode().splitlines()
    assert lines == [f"{copy / name} 1 0" for name in ("wire_scan.py", "wire_emit.py")]


def test_sources_that_say_something_else_are_compiled_anew(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = wire_cache.cache_directory()
    monkeypatch.setattr(wire_cache, "__file__", str(copy / "wire_cache.py"))
    assert wire_cache.cache_directory() == before, "only what the sources say counts"
    with (copy / "wire_inner.py").open("a") as called_by_others:
        called_by_others.write("\n")
    assert wire_cache.cache_directory() != before


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    assert wire_cache.cache_directory() is None
