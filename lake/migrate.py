"""Numbered schema changes: each lake records which it has, and an older lake is brought up to date when opened."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources

import duckdb

from lake.definitions import quoted
from lake.errors import LakeError


@dataclass(frozen=True)
class Migration:
    """One numbered file of SQL statements, each ended by a semicolon at the end of a line."""

    version: int
    name: str
    statements: tuple[str, ...]


def known_migrations() -> tuple[Migration, ...]:
    """The migrations this version of marginlake ships, oldest first."""
    found = []
    for file in (resources.files("lake") / "migrations").iterdir():
        if match := re.fullmatch(r"(\d{4})_\w+\.sql", file.name):
            text = file.read_text(encoding="utf-8")
            statements = tuple(part.strip() for part in re.split(r";\s*\n", text) if part.strip())
            found.append(Migration(int(match[1]), file.name, statements))
    return tuple(sorted(found, key=lambda migration: migration.version))


def applied_version(connection: duckdb.DuckDBPyConnection) -> int:
    """Number of the newest migration the lake has, 0 for an empty one.

    Raises `LakeError` when a newer marginlake wrote the lake, or when it holds tables that are not ours.
    """
    try:
        row = connection.execute("SELECT coalesce(max(version), 0) FROM schema_migrations").fetchone()
    except duckdb.CatalogException:
        # Only now, since listing the tables takes eight times as long as the question itself.
        if _holds_tables(connection):
            raise LakeError(
                "the catalog holds tables that are not marginlake's; choose another data directory"
            ) from None
        return 0
    version = int(row[0]) if row else 0
    newest = known_migrations()[-1].version
    if version > newest:
        raise LakeError(
            f"a newer marginlake wrote this lake (schema {version}, this one knows up to {newest}); update marginlake"
        )
    return version


def apply_pending(connection: duckdb.DuckDBPyConnection) -> int:
    """Apply what is missing, within the running transaction; returns how many migrations were applied."""
    version = applied_version(connection)
    pending = [migration for migration in known_migrations() if migration.version > version]
    for migration in pending:
        for statement in migration.statements:
            connection.execute(statement)
        connection.execute(
            f"INSERT INTO schema_migrations VALUES ({migration.version}, {quoted(migration.name)}, now())"
        )
    return len(pending)


def _holds_tables(connection: duckdb.DuckDBPyConnection) -> bool:
    row = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE database_name = current_database()").fetchone()
    return bool(row and row[0])
