"""How the same records come into a lake: live through a journal, imported at once, rebuilt from the archive."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from analytics.period_mates import settle_periods
from analytics.relink import relink
from analytics.reprice import reprice
from lake.connect import Lake
from lake.maintain import maintain
from marginlake.config import Config
from marginlake.conveyor import Conveyor
from marginlake.importer import import_file
from marginlake.landing import land
from marginlake.new_prices import new_prices
from marginlake.pipeline import Prepared, damage_of, merge, prepare_or_reject
from marginlake.revenue_store import adopt_rules
from marginlake.rules import Rules, rules_from
from marginlake.upkeep import policy_of, settle_shared_hours
from receiver.journal import Journal
from receiver.journal.archive import archive_closed
from receiver.journal.record import Kind, Record
from tests.marginlake.lakes import Tables, tables
from tests.new_lakes import empty_lake

JOURNAL, ARCHIVE = "journal", "archive"
SEGMENT_BYTES = 64 << 10


class Ways:
    """Lakes under one configuration; each way makes its own in a folder and returns the tables that come out."""

    def __init__(self, settings: Config) -> None:
        self.settings = settings
        self.rules: Rules = rules_from(settings, None)

    def live(self, folder: Path, records: Sequence[Record], chance: random.Random) -> Tables:
        """Through a journal in the order given, with all jobs in between: the first half in small pieces, committed
        several at a time, now and then once more as after a crash; the second by a running conveyor, the jobs beside
        it. Closed segments go to the archive as they are committed.
        """
        empty_lake(folder)
        middle = len(records) // 2
        with (
            Journal(folder / JOURNAL, segment_bytes=SEGMENT_BYTES, start_at=1) as journal,
            Lake.open(folder, threads=1) as lake,
        ):
            adopt_rules(lake, self.rules.events)
            _write(journal, records[:middle])
            position = 1
            while position <= journal.durable_seq:
                position = self._commit(lake, journal, position, chance)
                self._work(lake, chance)
                archive_closed(folder / JOURNAL, folder / ARCHIVE, position)
            self._convey(lake, journal, position, records[middle:], chance)
            archive_closed(folder / JOURNAL, folder / ARCHIVE, journal.durable_seq + 1)
            settle_periods(lake, self.rules.events)
            return tables(lake)

    def _convey(
        self, lake: Lake, journal: Journal, position: int, records: Sequence[Record], chance: random.Random
    ) -> None:
        """Let the conveyor's threads take in the records while jobs run in this one."""

        def commit(prepared: Prepared, until: int) -> None:
            land(lake, prepared, self.rules, "journal", until)

        conveyor = Conveyor(
            journal, position, lambda: self.rules, commit, interval_seconds=0.05, max_batch_bytes=120 << 10
        )
        conveyor.start()
        try:
            for start in range(0, len(records), 300):
                _write(journal, records[start : start + 300])
                self._work(lake, chance)
            assert conveyor.drain(journal.durable_seq + 1, 120), conveyor.last_error
        finally:
            conveyor.stop(10)

    def _commit(self, lake: Lake, journal: Journal, position: int, chance: random.Random) -> int:
        pieces = []
        until = position
        for _ in range(chance.choice([1, 1, 2, 3])):
            batch = journal.read_from(until, chance.choice([1 << 10, 20 << 10, 60 << 10, 120 << 10]))
            pieces.append(prepare_or_reject(batch.records, damage_of(batch.corruptions), self.rules))
            until = batch.next_seq
        land(lake, merge(pieces), self.rules, "journal", until)
        if chance.random() < 0.2:
            # A process that was killed after its commit, with the next one's memory of where it stood.
            land(lake, merge(pieces), self.rules, "journal, once more", until)
        return until

    def _work(self, lake: Lake, chance: random.Random) -> None:
        """One of the jobs that run beside ingest, or none."""
        rules = self.rules
        jobs: list[Callable[[], Any]] = [
            lambda: None,
            lambda: relink(lake, rules.events, rules.price_again),
            lambda: reprice(lake, rules.events, rules.price_again, new_prices(self.settings, rules)),
            lambda: settle_periods(lake, rules.events),
            lambda: settle_shared_hours(lake, rules),
            lambda: maintain(lake, policy_of(self.settings)),
        ]
        chance.choice(jobs)()

    def imported(self, folder: Path, records: Sequence[Record]) -> Tables:
        """From one file of all OTLP requests and a journal of all REST signals, as `marginlake import` does it."""
        files = folder / "files"
        files.mkdir(parents=True)
        requests = [record.payload for record in records if record.kind is Kind.TRACES]
        (files / "all.pb").write_bytes(b"".join(requests))
        with Journal(files / JOURNAL, segment_bytes=1 << 30, start_at=1) as journal:
            _write(journal, [record for record in records if record.kind is not Kind.TRACES])
        return self.from_files(folder / "lake", [files / "all.pb", *sorted((files / JOURNAL).glob("*.mlj"))])

    def rebuilt(self, folder: Path, live: Path) -> Tables:
        """From the archive and the open segment of a lake that was filled by `live`."""
        archive, journal = sorted((live / ARCHIVE).glob("*.zst")), sorted((live / JOURNAL).glob("*.mlj"))
        assert archive, "something was archived"
        return self.from_files(folder, [*archive, *journal])

    def from_files(self, folder: Path, files: Sequence[Path]) -> Tables:
        """Import these files into an empty lake."""
        empty_lake(folder)
        with Lake.open(folder, threads=1) as lake:
            adopt_rules(lake, self.rules.events)
            for path in files:
                import_file(lake, path, self.rules, self.settings)
            settle_shared_hours(lake, self.rules)
            settle_periods(lake, self.rules.events)
            return tables(lake)


def _write(journal: Journal, records: Iterable[Record]) -> None:
    """Append the records and wait until they are durable."""
    for written in [journal.append(record.kind, record.payload) for record in records]:
        written.result(30)
