"""A transaction on the lake: typed appends, replacements and look-ups that become visible together or not at all."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import polars as pl

from lake import bulk, directory
from lake.definitions import Table
from lake.errors import LakeError
from lake.frames import as_arrow, changed_rows, conform
from lake.given import given
from lake.known import Known, Remembered
from lake.rolled import WATCHED, RolledDays
from lake.schema import TABLES
from lake.tables.bookkeeping import INGEST_LOG, KEY_DIRECTORY
from lake.tables.rollup import ROLLED_DAYS


def table_named(name: str) -> Table:
    """The declared table of that name; raises `LakeError` for any other name."""
    try:
        return TABLES[name]
    except KeyError:
        raise LakeError(f"the lake has no table {name}") from None


def fetch(connection: duckdb.DuckDBPyConnection, sql: str, **frames: pl.DataFrame) -> pl.DataFrame:
    """Run one query in which each of `frames` is a table of its name; decimals, times and 64-bit ids stay exact."""
    with given(connection, **frames):
        return connection.execute(sql).pl()


class Transaction:
    """Reads and writes of one transaction; made by `Lake.transaction`, which commits or rolls back.

    Reads see the lake as it was when the transaction began, and the transaction's own writes. `known` is what the
    process remembers of that state; without it look-ups and positions are read from the lake. `data` is where the
    lake's Parquet files are; without it all rows go through DuckDB.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, known: Known | None = None, *, data: Path | None = None
    ) -> None:
        self._connection = connection
        self._known = known
        self._files = bulk.Writer(connection, data) if data is not None and bulk.can_hold(data) else None
        self._hashes = directory.KeyHashes(connection)
        self._entries: dict[str, list[pl.DataFrame]] = {}
        self._positions: dict[str, int | None] = {}
        self._stored_positions: dict[str, int] | None = None
        self._rolled: RolledDays | None = None
        self._wrote_rolled = False
        self._changed_days: set[date] = set()
        self._gone_costs: list[pl.DataFrame] = []
        self._moved: dict[str, int] = {}

    def read(self, sql: str, **frames: pl.DataFrame) -> pl.DataFrame:
        """Rows of a query; `frames` are readable as tables of their names."""
        return self._fetch(None, sql, **frames)

    def _fetch(self, table: Table | None, sql: str, **frames: pl.DataFrame) -> pl.DataFrame:
        """`read` for a query that reads no table but this one (None: any)."""
        if self._files:
            self._files.finish(table)
        return fetch(self._connection, sql, **frames)

    def append(self, table: str, frame: pl.DataFrame, *, filed: Collection[str] = ()) -> int:
        """Add rows; returns how many.

        `filed`: kinds of keys (`Lookup.kind`) that need not be filed, because the lake holds for each of the rows one
        of another table with the same key and the same time.

        The frame must have the table's types (`TABLES[table].polars_schema`); columns that may be NULL can be left out,
        and JSON columns must hold valid JSON. Raises `SchemaMismatchError`. Keys are not checked for duplicates: see
        `replace` and `split_duplicates`.
        """
        target = table_named(table)
        rows = conform(frame, target)
        if rows.height == 0:
            return 0
        lookups = tuple(lookup for lookup in target.lookups if lookup.kind not in filed)
        if lookups:
            to_file = dataclasses.replace(target, lookups=lookups)
            self._entries.setdefault(table, []).append(directory.entries(self._hashes, to_file, rows))
        self._insert(target, rows)
        self._note_days(target, rows)
        return rows.height

    def replace(self, table: str, keys: pl.DataFrame, rows: pl.DataFrame) -> tuple[int, int]:
        """Make `rows` the only rows whose key columns match `keys`; returns (rows deleted, rows added).

        The columns of `keys` name the key. Rows that are there already, equal but for bookkeeping columns, stay
        untouched, so redoing the same work writes nothing. NULL keys match nothing. `rows` must not repeat the
        table's own key (`TABLES[table].key`).
        """
        target = table_named(table)
        old = self.semi(table, target.column_names, keys, keys.columns)
        gone, come = changed_rows(old, conform(rows, target), target)
        if gone.height:
            self._delete(target, gone.select(target.key), _times_of(gone, target))
            self._note_days(target, gone, gone=True)
        return gone.height, self.append(table, come)

    def delete(self, table: str, keys: pl.DataFrame) -> None:
        """Delete the rows whose columns equal a row of `keys` (columns named as the table's)."""
        target = table_named(table)
        if keys.height and (ranges := self._ranges(target, keys, keys.columns)) != []:
            if table in WATCHED and self._rolled_days().last:
                noted = [*target.key, *WATCHED[table]]
                self._note_days(target, self.semi(table, noted, keys, keys.columns), gone=True)
            self._delete(target, keys, ranges)

    def semi(
        self,
        table: str,
        columns: Sequence[str],
        keys: pl.DataFrame,
        on: str | Sequence[str],
        where_sql: str | None = None,
    ) -> pl.DataFrame:
        """Rows of `table` (its `columns`) whose `on` columns equal a row of `keys` (columns of the same names).

        Reads only the files of the time in which such rows can lie when one of `on` is a look-up column of the table
        (`Table.lookups`), the whole table otherwise. `where_sql` is a further condition on the table's columns.
        """
        target = table_named(table)
        names = [on] if isinstance(on, str) else list(on)
        schema = target.polars_schema
        empty = pl.DataFrame(schema={name: schema[name] for name in columns})
        if keys.height == 0:
            return empty
        ranges = self._ranges(target, keys, names)
        if ranges == []:
            return empty
        selected = ", ".join(f'"{name}"' for name in columns)
        using = ", ".join(f'"{name}"' for name in names)
        condition = f" AND ({where_sql})" if where_sql else ""
        return self._fetch(
            target,
            f"SELECT {selected} FROM (SELECT * FROM {target.name} WHERE true{_within(target, ranges)}{condition}) "
            f"SEMI JOIN wanted_keys USING ({using})",
            wanted_keys=keys.select(names).unique(),
        )

    def progress(self, source: str) -> int | None:
        """Position up to which `source` is taken in, as this transaction sees it; None when it never was."""
        if source not in self._positions:
            self._positions[source] = self._stored_progress(source)
        return self._positions[source]

    def _stored_progress(self, source: str) -> int | None:
        if self._known is not None and source in self._known.positions:
            return self._known.positions[source]
        if self._stored_positions is None:
            # all at once: a batch often is from several sources, and a query takes longer than its rows
            sql = "SELECT source, max(position) FROM ingest_log GROUP BY source"
            self._stored_positions = dict(self._fetch(INGEST_LOG, sql).iter_rows())
        return self._stored_positions.get(source)

    def set_progress(self, source: str, position: int) -> None:
        """Record that `source` is taken in up to `position`, together with this transaction's rows.

        Moving on adds a row to `ingest_log` (deleting the earlier one would leave a dead file per commit); moving back
        deletes what the source had recorded.
        """
        current = self.progress(source)
        if current == position:
            return
        if current is not None and current > position:
            self.delete("ingest_log", pl.DataFrame({"source": [source]}))
        self._moved[source] = self._positions[source] = position

    def forget_progress(self, source: str) -> None:
        """Remove what is recorded of `source`, as if it had never been taken in."""
        if self.progress(source) is not None:
            self.delete("ingest_log", pl.DataFrame({"source": [source]}))
            self._moved.pop(source, None)
            self._positions[source] = None

    def finish(self) -> Remembered:
        """Write what is kept back until the end; called once, before COMMIT. Returns what to remember after it."""
        self._end_rolled_days()
        sources, positions, now = list(self._moved), list(self._moved.values()), datetime.now(UTC)
        moved = {"source": sources, "position": positions, "updated_at": [now] * len(sources)}
        self.append("ingest_log", pl.DataFrame(moved, schema=INGEST_LOG.polars_schema))
        filed = directory.merged([part for parts in self._entries.values() for part in parts])
        if filed.height:
            batch = 1 + (self._known.batch if self._known else self._newest_batch())
            self._insert(KEY_DIRECTORY, conform(filed.with_columns(batch=pl.lit(batch, pl.Int64)), KEY_DIRECTORY))
        if self._files:
            self._files.finish()
            self._files.close()
        known = self._known.rolled if self._known else None
        return Remembered(filed, self._positions, None if self._wrote_rolled else self._rolled or known)

    @property
    def files_keys(self) -> bool:
        """Whether rows added so far put a batch into the key directory."""
        return any(part.height for parts in self._entries.values() for part in parts)

    def _rolled_days(self) -> RolledDays:
        """Which days are rolled up."""
        if self._rolled is None:
            known = self._known.rolled if self._known and not self._wrote_rolled else None
            self._rolled = known or RolledDays.of(
                self._fetch(ROLLED_DAYS, "SELECT day, rolled_at, claim FROM rolled_days")
            )
        return self._rolled

    def _note_days(self, table: Table, rows: pl.DataFrame, *, gone: bool = False) -> None:
        """Remember the rolled days that rows which come or go make stale."""
        if table.name not in WATCHED or not self._rolled_days().last:
            return
        self._changed_days |= self._rolled_days().days_of(rows, table.name)
        if gone and table.name == "costs":
            self._gone_costs.append(rows.select("cost_id"))

    def _end_rolled_days(self) -> None:
        """Mark the rolled days that this transaction made stale, so that readers see what they come to now."""
        if self._gone_costs:
            # Their links may be the same as before and count on the days of their events.
            costs = pl.concat(self._gone_costs).unique()
            links = self.semi("cost_links", WATCHED["cost_links"], costs, "cost_id")
            self._changed_days |= self._rolled_days().days_of(links, "cost_links")
        if not self._changed_days:
            return
        stale = self._rolled_days().stale(self._changed_days)
        if stale.height:
            self.replace("rolled_days", stale.select("day"), stale)

    def abandon(self) -> None:
        """Remove the files of a transaction that will not be committed. Never after COMMIT was tried."""
        if self._files:
            self._files.discard()

    def _newest_batch(self) -> int:
        return int(self._fetch(KEY_DIRECTORY, "SELECT coalesce(max(batch), 0) FROM key_directory").item())

    def _delete(self, table: Table, keys: pl.DataFrame, ranges: list[directory.TimeRange] | None) -> None:
        self._forget_rolled_if(table)
        matches = " AND ".join(f'{table.name}."{column}" = doomed."{column}"' for column in keys.columns)
        if self._files:
            self._files.finish(table)
        with given(self._connection, doomed=keys.unique()):
            self._connection.execute(f"DELETE FROM {table.name} USING doomed WHERE {matches}{_within(table, ranges)}")

    def _insert(self, table: Table, rows: pl.DataFrame) -> None:
        self._forget_rolled_if(table)
        if self._files and rows.height >= bulk.MIN_ROWS:
            self._files.write(table, rows)
            return
        self._connection.register("incoming", as_arrow(rows, table))
        try:
            self._connection.execute(f"INSERT INTO {table.name} SELECT * FROM incoming")
        finally:
            self._connection.unregister("incoming")

    def _forget_rolled_if(self, table: Table) -> None:
        if table is ROLLED_DAYS:
            self._rolled, self._wrote_rolled = None, True

    def _ranges(self, table: Table, keys: pl.DataFrame, on: Sequence[str]) -> list[directory.TimeRange] | None:
        """Where in time matching rows can lie: nowhere ([]), in these ranges, or anywhere (None)."""
        lookup = next((lookup for name in on if (lookup := table.lookup(name))), None)
        if lookup is None or table.time_column is None:
            return None
        hashes = self._hashes.distinct(lookup, keys)
        stored = self._known.find(hashes) if self._known else directory.filed(self._connection, hashes)
        # what this transaction filed of other tables says nothing of this one
        own = directory.among(self._entries.get(table.name, ()), hashes)
        return directory.time_ranges(pl.concat([stored, *own]))


def _within(table: Table, ranges: list[directory.TimeRange] | None) -> str:
    """SQL condition that keeps a table's rows to time ranges."""
    if ranges is None:
        return ""
    parts = " OR ".join(
        f"{table.time_column} BETWEEN '{first.isoformat()}'::TIMESTAMPTZ AND '{last.isoformat()}'::TIMESTAMPTZ"
        for first, last in ranges
    )
    return f" AND ({parts})"


def _times_of(rows: pl.DataFrame, table: Table) -> list[directory.TimeRange] | None:
    """The range of time of these very rows; None when one of them has none."""
    if table.time_column is None or rows.get_column(table.time_column).null_count():
        return None
    return directory.time_ranges(
        rows.select(pl.col(table.time_column).alias("first_time"), pl.col(table.time_column).alias("last_time"))
    )
