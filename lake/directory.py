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


class KeyHashes:
    """Directory keys of texts, for one transaction: each text is hashed once, however often it is asked for."""

    def __init__(self, connection: duckdb.DuckDBPyConnection):
        self._connection = connection
        self._known: dict[str, pl.DataFrame] = {}

    def distinct(self, lookup: Lookup, keys: pl.DataFrame) -> npt.NDArray[np.uint64]:
        """Distinct directory keys of `keys` (its column named like the lookup's), NULLs left out."""
        texts = keys.select(_text(lookup)).drop_nulls()
        # keys of one trace mostly lie side by side: what repeats its neighbour needs no hashing
        texts = texts.filter(_begins_run("text")).unique()
        return self.added(lookup.kind, texts)["key_hash"].to_numpy()

    def added(self, kind: str, texts: pl.DataFrame) -> pl.DataFrame:
        """The frame with `key_hash` instead of its column `text`, which holds no text twice."""
        known = self._known.get(kind)
        if known is None:
            known = self._known[kind] = self._hashed(kind, texts)
            return texts.with_columns(known["key_hash"]).drop("text")
        found = texts.join(known, on="text", how="left", maintain_order="left")
        missing = found.filter(pl.col("key_hash").is_null()).select("text")
        if missing.is_empty():
            return found.drop("text")
        hashed = self._hashed(kind, missing)
        self._known[kind] = pl.concat([known, hashed])
        added = found["key_hash"].scatter(found["key_hash"].is_null().arg_true(), hashed["key_hash"])
        return found.with_columns(added).drop("text")

    def _hashed(self, kind: str, texts: pl.DataFrame) -> pl.DataFrame:
        """text and key_hash."""
        wanted = texts.select("text")
        arrow = wanted.to_arrow()  # noqa: F841 (DuckDB finds it by name)
        hashes = self._connection.execute(f"SELECT {key_hash(kind)} AS key_hash FROM arrow").pl()
        return wanted.with_columns(hashes["key_hash"])


def key_hash(kind: str) -> str:
    """SQL expression of the directory's key for a `text` of a kind."""
    return f"md5_number_lower({quoted(kind + ':')} || text)"


def entries(hashes: KeyHashes, table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Directory entries for rows about to be added to `table` (key_hash, first_time, last_time)."""
    time = pl.col(table.time_column) if table.time_column else pl.lit(None, dtype=pl.Datetime("us", "UTC"))
    found = []
    for kind in dict.fromkeys(lookup.kind for lookup in table.lookups):
        texts = [_text(lookup) for lookup in table.lookups if lookup.kind == kind]
        named = frame.select(time.alias("first_time"), *(text.alias(str(n)) for n, text in enumerate(texts)))
        parts = [named.select(pl.col("0").alias("text"), "first_time")]
        # a row that has the same text in several columns is filed once
        parts += [
            named.filter(pl.col(str(n)).ne_missing(pl.col("0"))).select(pl.col(str(n)).alias("text"), "first_time")
            for n in range(1, len(texts))
        ]
        times = _runs(pl.concat(parts).filter(pl.col("text").is_not_null()))
        found.append(hashes.added(kind, _windows(times, "text")).select(_NO_ENTRIES.columns))
    return pl.concat([_NO_ENTRIES, *found])


def _begins_run(column: str) -> pl.Expr:
    return pl.col(column).ne_missing(pl.col(column).shift(1))


def _runs(times: pl.DataFrame) -> pl.DataFrame:
    """text and first_time of rows as text, first_time and last_time of each run of one text; without loss of a time."""
    starts = times.select(_begins_run("text").arg_true()).to_series()
    if 2 * len(starts) >= times.height or times["first_time"].null_count():
        return times.with_columns(last_time="first_time")
    moments, at = times["first_time"].to_physical().to_numpy(), starts.to_numpy()
    ends = {"first_time": np.minimum.reduceat(moments, at), "last_time": np.maximum.reduceat(moments, at)}
    return times.select(pl.col("text").gather(starts)).with_columns(
        pl.Series(name, values).cast(times.schema["first_time"]) for name, values in ends.items()
    )


def _text(lookup: Lookup) -> pl.Expr:
    return pl.sql_expr(lookup.text).alias("text")


def _windows(times: pl.DataFrame, by: str) -> pl.DataFrame:
    """One row per key: from its first time to its last, both NULL when one of its rows has none."""
    if not times["first_time"].null_count():
        return times.group_by(by).agg(pl.col("first_time").min(), pl.col("last_time").max())
    timed = pl.col("first_time").is_not_null().all()
    return times.group_by(by).agg(
        pl.when(timed).then(pl.col("first_time").min()).alias("first_time"),
        pl.when(timed).then(pl.col("last_time").max()).alias("last_time"),
    )


def merged(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """One entry per key out of the entries of several appends."""
    return _windows(pl.concat([_NO_ENTRIES, *parts]), "key_hash")


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
