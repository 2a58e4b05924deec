"""How large a lake is: what `doctor` shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from lake.connect import CATALOG_FILE, DATA_DIRECTORY

_CATALOG = "__ducklake_metadata_lake"


@dataclass(frozen=True)
class LakeStats:
    """Sizes of a lake.

    `tables`: one row per table that has files: table_name, rows, files, bytes, files_with_deletes, deleted_rows, all
    as of the newest snapshot. `disk_bytes` is what the directory takes, older snapshots' files included.
    """

    tables: pl.DataFrame
    snapshots: int
    files_waiting_for_deletion: int
    catalog_bytes: int
    disk_bytes: int


def lake_stats(connection: duckdb.DuckDBPyConnection, data_dir: Path) -> LakeStats:
    """Sizes of the lake in `data_dir`, of which `connection` (`lake.read.reading` or `Lake.cursor`) is open."""
    tables = connection.execute(
        f"""
        SELECT t.table_name,
               sum(f.record_count)::BIGINT - coalesce(sum(d.delete_count), 0)::BIGINT AS rows,
               count(*) AS files,
               sum(f.file_size_bytes)::BIGINT AS bytes,
               count(d.delete_count) AS files_with_deletes,
               coalesce(sum(d.delete_count), 0)::BIGINT AS deleted_rows
        FROM {_CATALOG}.ducklake_data_file AS f
        JOIN {_CATALOG}.ducklake_table AS t ON t.table_id = f.table_id AND t.end_snapshot IS NULL
        LEFT JOIN {_CATALOG}.ducklake_delete_file AS d
            ON d.data_file_id = f.data_file_id AND d.end_snapshot IS NULL
        WHERE f.end_snapshot IS NULL
        GROUP BY t.table_name
        ORDER BY t.table_name
        """
    ).pl()
    counts = connection.execute(
        f"SELECT (SELECT count(*) FROM {_CATALOG}.ducklake_snapshot), "
        f"(SELECT count(*) FROM {_CATALOG}.ducklake_files_scheduled_for_deletion)"
    ).fetchone()
    snapshots, waiting = counts if counts else (0, 0)
    catalog = sum(file.stat().st_size for file in data_dir.glob(f"{CATALOG_FILE}*"))
    files = [file for file in (data_dir / DATA_DIRECTORY).rglob("*") if file.is_file()]
    return LakeStats(
        tables, int(snapshots), int(waiting), catalog, catalog + sum(file.stat().st_size for file in files)
    )
