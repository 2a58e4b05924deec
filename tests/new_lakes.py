"""New lakes at once: a copy of an empty one, whose migrations ran when the first was made.

A lake's first opening takes most of the time of many a test. The copy is what `Lake.open` made, and is opened by it.
"""

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lake.connect import CATALOG_FILE, DATA_DIRECTORY, Lake

REALLY_OPEN: Callable[..., Lake] = Lake.open
"""`Lake.open` as it is, which makes a new lake by its migrations."""


@contextmanager
def copied_when_new() -> Iterator[None]:
    """Within the block `Lake.open` opens a copy of an empty lake where there is none yet."""

    def open_lake(data_dir: Path, **options: Any) -> Lake:
        place = data_dir.expanduser().absolute()
        if not options.get("read_only") and not (place / CATALOG_FILE).exists():
            with suppress(OSError):  # of a place where no lake can be, `Lake.open` says why
                empty_lake(place)
        return REALLY_OPEN(data_dir, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lake, "open", staticmethod(open_lake))
        yield


def empty_lake(data_dir: Path) -> None:
    """Make an empty lake in `data_dir`: a copy of one. Raises OSError."""
    shutil.copytree(_template() / DATA_DIRECTORY, data_dir / DATA_DIRECTORY, dirs_exist_ok=True)
    coming = data_dir / f"{CATALOG_FILE}.coming"
    shutil.copyfile(_template() / CATALOG_FILE, coming)
    coming.rename(data_dir / CATALOG_FILE)


@cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="marginlake-empty-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    REALLY_OPEN(folder).close()
    return folder
