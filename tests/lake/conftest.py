from collections.abc import Iterator
from pathlib import Path

import pytest

from lake.connect import Lake


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "lake-data"


@pytest.fixture
def lake(data_dir: Path) -> Iterator[Lake]:
    with Lake.open(data_dir, threads=2) as opened:
        yield opened
