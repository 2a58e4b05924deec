"""The memory that DuckDB gets when nobody says how much."""

import os
import re
from pathlib import Path

import pytest

from marginlake import memory


def test_a_container_counts_with_its_own_limit(tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    machine = memory.available_memory(limit)
    assert machine == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit.write_text("max\n")
    assert memory.available_memory(limit) == machine
    limit.write_text("536870912\n")
    assert memory.available_memory(limit) == 512 << 20


@pytest.mark.parametrize(("gib", "mib"), [(0.5, 1024), (2, 1024), (6, 1536), (8, 2048), (256, 2048)])
def test_the_limit_is_a_quarter_within_bounds(monkeypatch: pytest.MonkeyPatch, gib: float, mib: int) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: int(gib * 2**30))
    assert re.fullmatch(r"(\d+)MiB", memory.default_memory_limit()).group(1) == str(mib)  # type: ignore[union-attr]
