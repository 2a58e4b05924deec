"""A lake that is there already, opened to be changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from marginlake.config import Config
from marginlake.failures import CommandError

if TYPE_CHECKING:
    from lake.connect import Lake


@contextmanager
def lake_to_change(data: Path, settings: Config) -> "Iterator[Lake]":
    """The lake in `data`. Raises CommandError when there is none."""
    from lake.connect import Lake

    if not (data / "catalog.sqlite").is_file():
        raise CommandError(f"no lake at {data}: run `marginlake serve`, `demo` or `import` with --data first")
    with Lake.open(data, memory_limit=settings.lake.memory_limit, threads=settings.lake.threads) as lake:
        yield lake
