"""Which files an import means: named ones, folders, patterns, and the archive of a data directory, in a fixed order."""

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from marginlake.failures import CommandError
from receiver.journal.archive import list_archives

ARCHIVE = "archive"
ENDINGS = (".pb", ".binpb", ".bin", ".otlp", ".json", ".jsonl", ".ndjson", ".mlj")
"""Of the files in a folder those with one of these names are taken, `.gz` and `.zst` behind it or not."""

_PACKED = (".gz", ".zst")


def files_of(arguments: Sequence[Path], archive_of: Path | None = None) -> list[Path]:
    """The files that arguments name, each once, in their order; within a folder or pattern by name.

    An argument is a file, a folder (searched with all folders in it), or a pattern with `*`, `?`, `[` or `**` where no
    file has that very name. `archive_of`: the data directory whose archived segments come first. Raises CommandError
    for an argument that names nothing.
    """
    found = list(_archived(archive_of)) if archive_of is not None else []
    for argument in arguments:
        found += _named(argument)
    once: dict[str, Path] = {}
    for path in found:
        once.setdefault(os.path.realpath(path), path)
    return list(once.values())


def _archived(data_dir: Path) -> list[Path]:
    archives = list_archives(data_dir / ARCHIVE)
    if not archives:
        raise CommandError(f"{data_dir / ARCHIVE}: no archived segments")
    return archives


def _named(argument: Path) -> list[Path]:
    if argument.is_dir():
        return _in_folder(argument)
    if argument.exists() or not glob.has_magic(str(argument)):
        if not argument.exists():
            raise CommandError(f"{argument}: no such file")
        return [argument]
    matches = [Path(match) for match in sorted(glob.glob(str(argument), recursive=True))]  # noqa: PTH207 (`**` and absolute)
    if not matches:
        raise CommandError(f"{argument}: no file has such a name")
    return [path for match in matches for path in (_in_folder(match, may_be_empty=True) if match.is_dir() else [match])]


def _in_folder(folder: Path, *, may_be_empty: bool = False) -> list[Path]:
    found = list(_below(folder))
    if not found and not may_be_empty:
        raise CommandError(f"{folder}: no file in it ends in {', '.join(ENDINGS)} (or these with .gz or .zst)")
    return found


def _below(folder: Path) -> Iterator[Path]:
    """Files with a known ending in a folder and those in it, hidden ones left out; raises OSError."""

    def refuse(error: OSError) -> None:
        raise error

    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place) / name for name in sorted(names) if _known(name))


def _known(name: str) -> bool:
    plain = name
    for ending in _PACKED:
        plain = plain.removesuffix(ending)
    return plain.endswith(ENDINGS) and not name.startswith(".")
