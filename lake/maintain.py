"""Keeping a lake small and quick: merge small files, forget old snapshots, delete files nobody can be reading."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from lake.connect import DATA_DIRECTORY, Lake
from lake.definitions import quoted
from lake.schema import TABLES

_MEGABYTE = 1024 * 1024
_FILES_A_STEP = 1000
_CATALOG = "__ducklake_metadata_lake"


@dataclass(frozen=True)
class Policy:
    """When what may go.

    Every snapshot is kept for `keep_each`, then the last of each hour until `keep_hourly`; the one before a re-pricing
    that changed something for `keep_reprices`. A file that no kept snapshot
    names is deleted `grace` after it fell out of use, so that a query already running never misses it. Files that no
    snapshot ever named (left by a crash) go after `orphans_after`. Files below `small_file_bytes` are merged when a
    table has at least `merge_from` of them, those that lost rows are rewritten first; a larger file is rewritten when
    it lost more than `rewrite_above` of its rows. One step reads at most `step_bytes` of files.
    """

    keep_each: timedelta = timedelta(hours=1)
    keep_hourly: timedelta = timedelta(days=7)
    keep_reprices: timedelta = timedelta(days=90)
    grace: timedelta = timedelta(hours=1)
    orphans_after: timedelta = timedelta(days=1)
    small_file_bytes: int = 16 * _MEGABYTE
    merge_from: int = 8
    rewrite_above: float = 0.25
    step_bytes: int = 32 * _MEGABYTE
    keep_log_rows: int = 10_000


@dataclass
class Report:
    """What was done. `longest_hold` is the longest time the write lock was held without a pause, in seconds."""

    files_merged: int = 0
    files_rewritten: int = 0
    snapshots_expired: int = 0
    files_deleted: int = 0
    orphans_deleted: int = 0
    steps: int = 0
    seconds: float = 0.0
    longest_hold: float = 0.0


def maintain(lake: Lake, policy: Policy | None = None, *, stop: Callable[[], bool] = lambda: False) -> Report:
    """Do all the upkeep a lake needs now and say what was done; safe to run at any time, beside writers and readers.

    Works in short steps, each under the write lock on its own, so that a writer waits for one step at most; between
    steps `stop()` may end the work. Raises `LakeLockedError` when the write lock stays taken.
    """
    policy = policy or Policy()
    work = _Upkeep(lake, policy)
    started = time.monotonic()
    for _ in work.steps():
        # A moment without the lock, or a waiting writer (which polls) might never get its turn.
        time.sleep(0.02)
        if stop():
            break
    work.report.seconds = time.monotonic() - started
    return work.report


def expirable(snapshots: pl.DataFrame, now: datetime, policy: Policy, named: Collection[int] = ()) -> list[int]:
    """Ids of the snapshots that the policy does not keep. snapshots: snapshot_id, snapshot_time (UTC).

    `named` ones stay whatever their age.
    """
    number, moment = pl.col("snapshot_id"), pl.col("snapshot_time")
    last_of_hour = number == number.max().over(moment.dt.truncate("1h"))
    kept = (
        (moment >= now - policy.keep_each)
        | (last_of_hour & (moment >= now - policy.keep_hourly))
        | (number == number.max())
        | number.is_in(list(named))
    )
    return snapshots.filter(~kept)["snapshot_id"].sort().to_list()


class _Upkeep:
    """One run of upkeep: `steps` yields after each step, with the lock released."""

    def __init__(self, lake: Lake, policy: Policy):
        self._lake = lake
        self._policy = policy
        self.report = Report()

    def steps(self) -> Iterator[None]:
        yield from self._trim_log()
        for table in TABLES:
            yield from self._rewrite(table)
            yield from self._merge(table)
        yield from self._expire()
        yield from self._clean_up()

    def _trim_log(self) -> Iterator[None]:
        """Forget all but the last step of each source once the log is long."""
        log = "SELECT source, position FROM ingest_log"
        if self._lake.read(log).height <= self._policy.keep_log_rows:
            return
        with self._timed(), self._lake.transaction() as tx:
            rows = tx.read(log)
            last = rows.group_by("source").agg(pl.col("position").max())
            tx.delete("ingest_log", rows.join(last, on=["source", "position"], how="anti"))
        yield

    def _rewrite(self, table: str) -> Iterator[None]:
        """Write the rows left in worn files anew: deleted rows cost reading time, and bar a file from merging.

        DuckLake's own rewriting takes a whole table at once and would keep writers waiting.
        """
        while files := self._worn_files(table):
            self._write_anew(table, files)
            self.report.files_rewritten += len(files)
            yield

    def _worn_files(self, table: str) -> list[str]:
        """Paths of the files to rewrite next, as many as one step may read; none when it is not worth it."""
        files = self._lake.read(
            f"""
            SELECT listed.data_file AS path, listed.data_file_size_bytes AS bytes,
                   deleted.delete_count > {self._policy.rewrite_above} * stored.record_count AS worn
            FROM ducklake_list_files('lake', '{table}') AS listed
            JOIN {_CATALOG}.ducklake_data_file AS stored
                ON parse_filename(stored.path) = parse_filename(listed.data_file)
            JOIN {_CATALOG}.ducklake_delete_file AS deleted
                ON deleted.data_file_id = stored.data_file_id AND deleted.end_snapshot IS NULL
            WHERE listed.delete_file IS NOT NULL
            ORDER BY path
            """
        )
        small = files.filter(~pl.col("worn") & (pl.col("bytes") < self._policy.small_file_bytes))
        worth = files.filter("worn")
        if small.height >= self._policy.merge_from:
            worth = pl.concat([worth, small])
        fits = (pl.col("bytes").cum_sum() <= self._policy.step_bytes) | (pl.int_range(pl.len()) == 0)
        return worth.filter(fits)["path"].to_list()

    def _merge(self, table: str) -> Iterator[None]:
        """Write the rows of small files into one larger file, as many as one step may read.

        Not DuckLake's own merging: that removes the small files from the catalog's past as well, and a reader in
        another process, whose look at the catalog is several SQLite reads of different moments, may then find neither
        the small files nor the merged one, and takes the table for empty (seen with DuckLake 1.0 on SQLite).
        """
        while len(files := self._small_files(table)) >= self._policy.merge_from:
            self._write_anew(table, files)
            self.report.files_merged += len(files)
            yield

    def _write_anew(self, table: str, files: list[str]) -> None:
        """Put the rows of these files into a new one; older snapshots keep the files until they expire."""
        names = ", ".join(map(quoted, files))
        with self._timed(), self._lake.durable_transaction() as connection:
            connection.execute(f"INSERT INTO {table} SELECT * FROM {table} WHERE filename IN ({names})")
            connection.execute(f"DELETE FROM {table} WHERE filename IN ({names})")

    def _small_files(self, table: str) -> list[str]:
        """Paths of the oldest small files, as many as one step may read (names sort by age)."""
        small = self._lake.read(
            f"SELECT data_file, data_file_size_bytes AS bytes FROM ducklake_list_files('lake', '{table}') "
            f"WHERE delete_file IS NULL AND data_file_size_bytes < {self._policy.small_file_bytes} ORDER BY data_file"
        )
        return small.filter(pl.col("bytes").cum_sum() <= self._policy.step_bytes)["data_file"].to_list()

    def _expire(self) -> Iterator[None]:
        """Forget snapshots that the policy does not keep; the newest always stays."""
        snapshots = self._lake.read("SELECT snapshot_id, snapshot_time FROM ducklake_snapshots('lake')")
        # Read after the snapshots: a re-pricing that begins meanwhile names one that is in no list yet.
        named = self._lake.read(
            "SELECT snapshot_before FROM reprices WHERE (changed > 0 OR finished_at IS NULL) "
            f"AND coalesce(finished_at, started_at) >= {_ago(self._policy.keep_reprices)}"
        )
        versions = expirable(
            snapshots, datetime.now(UTC), self._policy, named["snapshot_before"].drop_nulls().to_list()
        )
        for start in range(0, len(versions), 5000):
            some = ", ".join(map(str, versions[start : start + 5000]))
            with self._timed(), self._lake.write_lock():
                self._call(f"CALL ducklake_expire_snapshots('lake', versions => [{some}])")
            self.report.snapshots_expired += len(versions[start : start + 5000])
            yield

    def _clean_up(self) -> Iterator[None]:
        """Delete files that fell out of use long enough ago, and files that no snapshot ever named."""
        deleted = _FILES_A_STEP
        while deleted == _FILES_A_STEP:
            with self._timed(), self._lake.write_lock():
                deleted = self._delete_unused()
            self.report.files_deleted += deleted
            yield
        with self._timed(), self._lake.write_lock():
            orphans = self._call(
                f"CALL ducklake_delete_orphaned_files('lake', older_than => {_ago(self._policy.orphans_after)})"
            )
        self.report.orphans_deleted += len(orphans)
        yield

    def _delete_unused(self) -> int:
        """Delete files scheduled for deletion longer ago than the grace period; returns how many were scheduled.

        DuckLake's own clean-up compares times as text on a SQLite catalog ('2026-01-01 23:00' with '2026-01-01T01:00')
        and would delete files that fell out of use a moment ago, under running queries.
        """
        unused = self._lake.read(
            f"SELECT path, path_is_relative::BOOLEAN AS relative FROM {_CATALOG}.ducklake_files_scheduled_for_deletion "
            f"WHERE schedule_start::TIMESTAMPTZ < {_ago(self._policy.grace)} LIMIT {_FILES_A_STEP}"
        )
        if unused.is_empty():
            return 0
        root = self._lake.data_dir / DATA_DIRECTORY
        for path, relative in unused.iter_rows():
            (root / path if relative else Path(path)).unlink(missing_ok=True)
        paths = ", ".join(map(quoted, unused["path"]))
        self._call(f"DELETE FROM {_CATALOG}.ducklake_files_scheduled_for_deletion WHERE path IN ({paths})")
        return unused.height

    def _call(self, call: str) -> list[tuple[object, ...]]:
        cursor = self._lake.cursor()
        try:
            return cursor.execute(call).fetchall()
        finally:
            cursor.close()

    @contextmanager
    def _timed(self) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.report.steps += 1
        self.report.longest_hold = max(self.report.longest_hold, time.monotonic() - started)


def _ago(age: timedelta) -> str:
    """SQL of the moment `age` ago."""
    return f"'{(datetime.now(UTC) - age).isoformat()}'::TIMESTAMPTZ"
