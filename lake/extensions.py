"""The DuckDB extensions the lake stands on, loaded from installed packages: nothing is downloaded, all are signed."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Final, NamedTuple

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


class Extension(NamedTuple):
    """A file to load, and what tells it from any other that was or will be in its place."""

    name: str
    file: Path
    identity: tuple[str, int, int, int, int, int]


_CHECKED: Final[set[tuple[str, int, int, int, int, int]]] = set()
"""Files whose signature DuckDB has checked in this process, which has their code in memory since."""


def required_extensions() -> tuple[Extension, ...]:
    """The required extensions, as they are on the disk now; raises `LakeError` when one is missing."""
    return tuple(Extension(name, file := extension_file(name), _identity(file)) for name in REQUIRED)


def are_checked(extensions: Iterable[Extension]) -> bool:
    """Whether the signature of each was checked by this process already.

    Checking reads and hashes all of a file, 0.3 seconds for both. A process that opens many lakes does so once.
    """
    return all(extension.identity in _CHECKED for extension in extensions)


def load_extensions(connection: duckdb.DuckDBPyConnection, extensions: Iterable[Extension]) -> None:
    """Load extensions into a connection's database; raises `LakeError` when one cannot be.

    The database refuses unsigned ones, unless `are_checked` is true of these.
    """
    for extension in extensions:
        try:
            connection.execute(f"LOAD {quoted(str(extension.file))}")
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
            raise LakeError(f"DuckDB extension {extension.name} cannot be loaded: {reason}") from error
        _CHECKED.add(extension.identity)


def load_optional(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Load an extension that only some need; raises `LakeError` when its package is missing."""
    file = extension_file(name)
    load_extensions(connection, [Extension(name, file, _identity(file))])


def _identity(file: Path) -> tuple[str, int, int, int, int, int]:
    found = file.stat()
    return (str(file), found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
