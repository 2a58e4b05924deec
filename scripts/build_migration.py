"""Print the SQL that creates the declared tables and views from nothing: the body of a first migration.

    python scripts/build_migration.py > lake/migrations/0001_initial.sql

Once a schema is released its migration is never written again; changes go into the next number, by hand.
"""

from lake.schema import TABLES, VIEWS

OPTIONS = (
    "CALL lake.set_option('parquet_compression', 'zstd')",
    # Small enough that merging up to one file never keeps a writer waiting for long.
    "CALL lake.set_option('target_file_size', '32MB')",
)


def main() -> None:
    """Print every statement, each ended by a semicolon at the end of a line."""
    statements = [*OPTIONS]
    for definition in (*TABLES.values(), *VIEWS.values()):
        statements += definition.create_sql()
    print("-- The first schema: every table and view of the lake, with their meaning.\n")
    print("\n\n".join(f"{statement};" for statement in statements))


if __name__ == "__main__":
    main()
