"""Import of files: their payloads go through the same stages as live traffic, in batches that commit by themselves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from analytics.frames import SPAN_KEY
from analytics.period import Period
from lake.commit import Transaction
from lake.connect import Lake
from marginlake.config import Config
from marginlake.landing import Landed, land
from marginlake.pipeline import Prepared
from marginlake.reading import Failure, Read, ahead, batches
from marginlake.rules import Rules

Tell = Callable[[int, int | None], None]


def _tell_nobody(done: int, total: int | None) -> None:
    pass


@dataclass
class Imported:
    """What an import brought. unreadable: payloads that are no OTLP request (rows of `rejected`).

    reread: spans among the known that were read anew, by dialects that the lake's rows did not know yet. failures:
    files that could not be read (to their end).
    """

    spans: int = 0
    signals: int = 0
    known: int = 0
    rejected: int = 0
    reread: int = 0
    unreadable: int = 0
    failures: list[Failure] = field(default_factory=list)

    def add(self, landed: Landed) -> None:
        """Count one batch."""
        self.spans += landed.new_spans
        self.signals += landed.new_signals
        self.known += landed.known_spans + landed.known_signals
        self.rejected += landed.rejected
        self.reread += landed.reread_spans


def import_files(
    lake: Lake,
    paths: Sequence[Path],
    rules: Rules,
    config: Config,
    *,
    period: Period | None = None,
    reading: str = "",
    tell: Tell = _tell_nobody,
    stop: Callable[[], bool] = lambda: False,
) -> Imported:
    """Import files from where an earlier import of their content stopped. Raises LakeError.

    A change of the operator's own dialects makes it another import: what they read otherwise now is read again. So do
    another period and another `reading` (any text). `tell(done, total)` counts bytes of files; between two batches
    `stop()` may end the work. A file that cannot be read is among the failures; the others are imported.
    """
    done, total = Imported(), sum(path.stat().st_size for path in paths if path.exists())
    at_first = _positions(lake).get
    for read in ahead(batches(paths, rules, config, period or Period(), at_first, reading)):
        done.unreadable += read.unreadable
        done.failures += read.failures
        if read.positions:
            (source, position), *others = read.positions.items()
            done.add(land(lake, read.prepared, rules, source, position, also=dict(others), reread=True))
        tell(read.bytes_done, total)
        if stop():
            break
    return done


def import_file(lake: Lake, path: Path, rules: Rules, config: Config, tell: Tell = _tell_nobody) -> Imported:
    """`import_files` for one file; raises what is wrong with it (ImportFileError, OSError) as well."""
    done = import_files(lake, [path], rules, config, tell=tell)
    for failure in done.failures:
        raise failure.error
    return done


def preview(
    lake: Lake | None,
    paths: Sequence[Path],
    rules: Rules,
    config: Config,
    *,
    period: Period | None = None,
    reading: str = "",
    tell: Tell = _tell_nobody,
) -> Imported:
    """What an import would bring, found out without writing anything. `lake`: None where there is none yet.

    Spans and signals count as new when neither the lake nor an earlier file has them; whether known ones would be read
    anew is not worked out.
    """
    done, total = Imported(), sum(path.stat().st_size for path in paths if path.exists())
    seen = _Seen()
    position = (_positions(lake) if lake is not None else {}).get
    for read in ahead(batches(paths, rules, config, period or Period(), position, reading)):
        done.unreadable += read.unreadable
        done.failures += read.failures
        _count(done, read, seen, lake)
        tell(read.bytes_done, total)
    return done


def _positions(lake: Lake) -> dict[str, int]:
    """Where each source stands, all in one look: what happens to one meanwhile, `land` notices."""
    return dict(lake.read("SELECT source, position FROM ingest_progress").iter_rows())


class _Seen:
    """Keys that earlier batches had."""

    def __init__(self) -> None:
        self._keys: dict[str, pl.DataFrame] = {}

    def new(self, kind: str, keys: pl.DataFrame) -> pl.DataFrame:
        """Those of the keys that are new, once each."""
        before = self._keys.get(kind, keys.clear())
        new = keys.unique().join(before, on=keys.columns, how="anti")
        self._keys[kind] = pl.concat([before, new])
        return new


def _count(done: Imported, read: Read, seen: _Seen, lake: Lake | None) -> None:
    wanted = _keys(read.prepared)
    new = {kind: seen.new(kind, keys) for kind, keys in wanted.items()}
    if lake is not None:
        with lake.reading() as tx:
            new = {kind: _missing(tx, kind, keys) for kind, keys in new.items()}
    done.spans += new["spans"].height
    done.signals += new["signals"].height
    done.rejected += new["rejected"].height
    done.known += sum(wanted[kind].height - new[kind].height for kind in ("spans", "signals"))


def _keys(prepared: Prepared) -> dict[str, pl.DataFrame]:
    return {
        "spans": prepared.spans.select(SPAN_KEY),
        "signals": prepared.signals.select("signal_id"),
        "rejected": prepared.rejected.select("rejected_id"),
    }


def _missing(tx: Transaction, table: str, keys: pl.DataFrame) -> pl.DataFrame:
    stored = tx.semi(table, keys.columns, keys, keys.columns)
    return keys.join(stored, on=keys.columns, how="anti")
