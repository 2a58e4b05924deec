"""Frames as tables of a query."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import duckdb
import polars as pl


@contextmanager
def given(connection: duckdb.DuckDBPyConnection, **frames: pl.DataFrame) -> Iterator[None]:
    """Within the block each frame is a temporary table of its name.

    They are copied in: DuckDB pushes join filters down into its scans, and a scan of Arrow memory refuses some of them.
    """
    made = []
    try:
        for name, frame in frames.items():
            connection.register("given_frame", frame.to_arrow())
            try:
                connection.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" AS FROM given_frame')
            finally:
                connection.unregister("given_frame")
            made.append(name)
        yield
    except duckdb.Error:
        # The transaction is aborted: nothing can be dropped, and the connection is about to be rolled back.
        with suppress(duckdb.Error):
            _drop(connection, made)
        raise
    else:
        _drop(connection, made)


def _drop(connection: duckdb.DuckDBPyConnection, names: list[str]) -> None:
    for name in names:
        connection.execute(f'DROP TABLE IF EXISTS temp."{name}"')
