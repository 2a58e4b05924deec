"""The key directory: in which span of time the rows of a trace, scope, response or signal lie.

Ids are random, so the smallest and largest id of a file say nothing, while its times say much: rows arrive roughly in
the order in which they happened. Each transaction files, for every key it touches, the first and last time of the rows
it adds. A key that was never filed has no rows; for the others only files of their time need be read. Both answers are
exact, however late or oddly dated a row is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from lake.definitions import Lookup, Table, quoted
from lake.given import given
from lake.tables.bookkeeping import KEY_DIRECTORY

_GAP = timedelta(hours=1)
"""Keys whose times lie further apart than this are looked up in separate ranges..."""

_MOST_RANGES = 8
"""...but never in more than this many."""

_NO_ENTRIES = KEY_DIRECTORY.polars_schema.to_frame().select("key_hash", "first_time", "last_time")

TimeRange = tuple[datetime, datetime]


def key_hash(lookup: Lookup) -> str:
    """SQL expression of the directory's key for a lookup."""
    return f"md5_number_lower({quoted(lookup.kind + ':')} || {lookup.text})"


def key_hashes(connection: duckdb.DuckDBPyConnection, lookup: Lookup, keys: pl.DataFrame) -> npt.NDArray[np.uint64]:
    """Distinct directory keys of `keys` (its column named like the lookup's), NULLs left out."""
    wanted = keys.select(lookup.column).to_arrow()  # noqa: F841 (DuckDB finds it by name)
    sql = f'SELECT DISTINCT {key_hash(lookup)} AS key_hash FROM wanted WHERE "{lookup.column}" IS NOT NULL'
    return connection.execute(sql).pl()["key_hash"].to_numpy()


def entries(connection: duckdb.DuckDBPyConnection, table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Directory entries for rows about to be added to `table`: one per distinct key
    (key_hash, first_time, last_time)."""
    time = f'"{table.time_column}"' if table.time_column else "NULL::TIMESTAMPTZ"
    needed = [name for name in (*(lookup.column for lookup in table.lookups), table.time_column) if name]
    rows = frame.select(needed).to_arrow()  # noqa: F841 (DuckDB finds it by name)
    keys = " UNION ALL ".join(
        f'SELECT DISTINCT {key_hash(lookup)} AS key_hash, {time} AS time FROM rows WHERE "{lookup.column}" IS NOT NULL'
        for lookup in table.lookups
    )
    untimed = "CASE WHEN bool_and(time IS NOT NULL) THEN"
    return connection.execute(
        f"SELECT key_hash, {untimed} min(time) END AS first_time, {untimed} max(time) END AS last_time "
        f"FROM ({keys}) GROUP BY key_hash"
    ).pl()


def merged(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """One entry per key out of the entries of several appends."""
    timed = pl.col("first_time").is_not_null().all()
    return (
        pl.concat([_NO_ENTRIES, *parts])
        .group_by("key_hash")
        .agg(
            pl.when(timed).then(pl.col("first_time").min()).alias("first_time"),
            pl.when(timed).then(pl.col("last_time").max()).alias("last_time"),
        )
    )


def filed(connection: duckdb.DuckDBPyConnection, hashes: npt.NDArray[np.uint64]) -> pl.DataFrame:
    """The directory's entries for these keys, read from the lake: first_time, last_time; several per key possible."""
    with given(connection, wanted_keys=pl.DataFrame({"key_hash": hashes})):
        return connection.execute(
            "SELECT first_time, last_time FROM key_directory SEMI JOIN wanted_keys USING (key_hash)"
        ).pl()


def among(parts: Sequence[pl.DataFrame], hashes: npt.NDArray[np.uint64]) -> list[pl.DataFrame]:
    """Those of the entries that are for these keys: first_time, last_time."""
    wanted = pl.DataFrame({"key_hash": hashes})
    return [part.join(wanted, on="key_hash", how="semi").select("first_time", "last_time") for part in parts]


def time_ranges(found: pl.DataFrame) -> list[TimeRange] | None:
    """The ranges of time that cover all entries, few and disjoint; None when an entry has no time (look everywhere)."""
    if found.height == 0:
        return []
    if found.get_column("first_time").null_count():
        return None
    ordered = found.select("first_time", "last_time").sort("first_time")
    covered_until = pl.col("last_time").cum_max().shift(1)
    apart = (pl.col("first_time") - covered_until > _GAP).fill_null(value=False)
    ranges = (
        ordered.with_columns(apart.cum_sum().alias("range"))
        .group_by("range", maintain_order=True)
        .agg(pl.col("first_time").min(), pl.col("last_time").max())
    )
    if ranges.height > _MOST_RANGES:
        ranges = ranges.select(pl.col("first_time").min(), pl.col("last_time").max())
    return list(ranges.select("first_time", "last_time").iter_rows())
