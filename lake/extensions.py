"""The DuckDB extensions the lake stands on, loaded from installed packages: nothing is downloaded, all are signed."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import duckdb

from lake.definitions import quoted
from lake.errors import LakeError

REQUIRED = ("sqlite_scanner", "ducklake")
"""In the order in which they are loaded."""


def extension_file(name: str) -> Path:
    """Path of the signed binary of extension `name` for the installed DuckDB.

    Raises `LakeError` when the package that carries it is missing or made for another DuckDB version.
    """
    package = f"duckdb_extension_{name}"
    wanted = f"{package.replace('_', '-')}=={duckdb.__version__}"
    try:
        root = resources.files(package)
    except ModuleNotFoundError:
        raise LakeError(f"DuckDB extension {name} is not installed: pip install {wanted}") from None
    file = Path(str(root)) / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
    if not file.is_file():
        raise LakeError(f"DuckDB extension {name} does not fit DuckDB {duckdb.__version__}: pip install {wanted}")
    return file


def load_extensions(connection: duckdb.DuckDBPyConnection) -> None:
    """Load the required extensions into a connection's database; raises `LakeError` when one cannot be."""
    for name in REQUIRED:
        file = extension_file(name)
        try:
            connection.execute(f"LOAD {quoted(str(file))}")
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
            raise LakeError(f"DuckDB extension {name} cannot be loaded: {reason}") from error
