"""A lake of everything that was captured, at once: landed once in a process, and copied."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from lake.connect import CATALOG_FILE, DATA_DIRECTORY
from tests.marginlake.books import rules_under
from tests.marginlake.lakes import Tables, captured, land_batches


def captured_lake(data_dir: Path, catalog: str | None = None) -> Tables:
    """Make a lake in `data_dir` as if `captured` had come in with one commit; returns what it holds.

    `catalog`: the price book of `books` under which it came; else the rules are the usual ones of `lakes`.
    """
    folder, tables = _landed(catalog)
    data_dir.mkdir(parents=True, exist_ok=True)
    shutil.copytree(folder / DATA_DIRECTORY, data_dir / DATA_DIRECTORY)
    shutil.copyfile(folder / CATALOG_FILE, data_dir / CATALOG_FILE)
    return dict(tables)


@cache
def _landed(catalog: str | None) -> tuple[Path, Tables]:
    folder = Path(tempfile.mkdtemp(prefix="marginlake-captured-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder, land_batches(folder, [captured()], rules_under(catalog) if catalog else None)
