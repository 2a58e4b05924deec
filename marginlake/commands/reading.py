"""A lake opened for reading only, beside a running service."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from marginlake.config import Config
from marginlake.failures import CommandError

if TYPE_CHECKING:
    from lake.connect import Lake


@contextmanager
def lake_to_read(data: Path, settings: Config) -> "Iterator[Lake]":
    """The lake in `data`. Raises CommandError when an earlier version made it, LakeError when there is none."""
    from lake.connect import Lake

    limits = settings.lake
    with Lake.open(data, read_only=True, memory_limit=limits.memory_limit, threads=limits.threads) as lake:
        if lake.outdated:
            raise CommandError(f"the lake at {data} is of an earlier version: run `marginlake maintain` first")
        yield lake
