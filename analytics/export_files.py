"""Files that appear under their name whole or not at all."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_BLOCK = 1 << 20


class ExportError(Exception):
    """An export that cannot be made; the message names the file."""


@contextmanager
def appearing(target: Path, *, force: bool, folder: bool = False) -> Iterator[Path]:
    """A place beside `target` to write to, a folder or the name of a file, which takes its name when the block ends.

    When the block raises, nothing is left of it, and what was there before stays. Raises ExportError when something is
    there already and `force` is not given, or when it is of the other kind.
    """
    target = target.expanduser().absolute()
    if os.path.lexists(target):
        if not force:
            raise ExportError(f"{target}: is there already; --force replaces it")
        if target.is_dir() != folder:
            raise ExportError(f"{target}: is {'a folder' if target.is_dir() else 'no folder'}")
        if folder and any(target.iterdir()) and not (target / "manifest.json").is_file():
            raise ExportError(f"{target}: is no earlier export, it is not replaced")
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent))
    try:
        place = work / "new"
        if folder:
            place.mkdir()
        yield place
        if folder and target.exists():
            target.rename(work / "old")
        place.replace(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def sha256(file: Path) -> str:
    """The SHA-256 of a file's content, hexadecimal."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
