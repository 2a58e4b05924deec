"""Backfill: every job over a period, one after another, each a plain function over the lake.

All steps may run beside live ingest, write only what differs and can be done again, so a run that was killed goes on:
the steps it had finished are left out, the one it was in goes on where it was or writes nothing twice.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import orjson

from analytics.period import Period
from analytics.reprice_audit import current_snapshot
from lake.connect import Lake
from lake.errors import LakeLockedError
from lake.locking import WriteLock
from marginlake import __version__
from marginlake.backfill_steps import (
    READING,
    Work,
    count_stated,
    import_archive,
    relink_period,
    reprice_period,
    revalue_period,
    roll_up_period,
)
from marginlake.failures import CommandError

LOCK_FILE = "backfill.lock"
STATE_FILE = "backfill.json"


@dataclass(frozen=True)
class Step:
    """A job of a backfill. `run(lake, work)` does it, or says what it would do, and returns that in a few words; its
    progress is told in `unit`. It stops early when `work.stop()`.

    `landed`: what it works out is worked out for every row that lands, too. Where the run itself has just made every
    row, such a step has nothing to do.
    """

    name: str
    unit: str
    run: Callable[[Lake, Work], str]
    landed: bool = False


STEPS: tuple[Step, ...] = (
    Step("import", "bytes", import_archive),
    Step("stated costs", "events", count_stated, landed=True),
    Step("reprice", "calls", reprice_period, landed=True),
    Step("relink", "traces", relink_period, landed=True),
    Step("revalue", "events", revalue_period, landed=True),
    Step("rollup", "days", roll_up_period),
)
"""In the order in which each builds on those before it: what was received, what it cost, who bears it, what it was
worth, what the days came to."""


@contextmanager
def alone(data_dir: Path) -> Iterator[None]:
    """Within the block no other backfill of this data directory runs; raises CommandError when one does."""
    try:
        with WriteLock(data_dir / LOCK_FILE).held(timeout=0):
            yield
    except LakeLockedError:
        raise CommandError(f"another backfill of {data_dir} is running; wait for it, or stop it") from None


class State:
    """Which steps of a run that did not come to its end are done: a small file, gone once all are.

    A run with another period, other settings or another version of marginlake starts from the first step, and so does
    one on a lake that is older than the steps (a copy that was put back).
    """

    def __init__(self, lake: Lake, work: Work):
        self._lake = lake
        self._file = work.data_dir / STATE_FILE
        self._key = _key(work)
        self.done: list[str] = []
        self._from_nothing = lake.read("SELECT count(*) FROM ingest_progress").item() == 0
        if self._file.exists():
            self._read()

    def began(self) -> None:
        """Keep what the lake was when the run began."""
        self._write()

    def all_ours(self) -> bool:
        """Whether every row of the lake was made by this run (or what it goes on with) with its very rules."""
        others = f"SELECT count(*) FROM ingest_progress WHERE source NOT LIKE '%:{READING}'"
        return self._from_nothing and not self._lake.read(others).item()

    def finished(self, step: Step) -> None:
        """Keep that a step is done."""
        self.done.append(step.name)
        self._write()

    def clear(self) -> None:
        """The run came to its end, or the lake that it was about is gone."""
        self.done = []
        self._file.unlink(missing_ok=True)

    def _write(self) -> None:
        kept = {
            "run": self._key,
            "snapshot": current_snapshot(self._lake),
            "from_nothing": self._from_nothing,
            "done": self.done,
        }
        partial = self._file.with_suffix(".part")
        partial.write_bytes(orjson.dumps(kept))
        partial.replace(self._file)

    def _read(self) -> None:
        with suppress(OSError, ValueError, KeyError, TypeError):
            kept = orjson.loads(self._file.read_bytes())
            if kept["run"] == self._key and kept["snapshot"] <= current_snapshot(self._lake):
                self.done, self._from_nothing = list(map(str, kept["done"])), kept["from_nothing"] is True


def _key(work: Work) -> str:
    """All that makes this run another one."""
    period: Period = work.period
    said = [
        __version__, str(period.start), str(period.end), work.rules.catalog.catalog_id,
        json.dumps(work.settings.model_dump(mode="json"), sort_keys=True),
    ]  # fmt: skip
    return hashlib.sha256("\n".join(said).encode()).hexdigest()
