"""How many bytes a data directory takes, by what they are for."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from lake.connect import CATALOG_FILE, DATA_DIRECTORY, KEYS_DIRECTORY


def disk_use(data_dir: Path) -> tuple[Mapping[str, int], int]:
    """Bytes of journal, archive and lake (catalog, data files and key files), and bytes that are free on that disk."""
    catalog = sum(_size(file) for file in data_dir.glob(f"{CATALOG_FILE}*"))
    used = {
        "journal": _tree(data_dir / "journal"),
        "archive": _tree(data_dir / "archive"),
        "lake": catalog + _tree(data_dir / DATA_DIRECTORY) + _tree(data_dir / KEYS_DIRECTORY),
    }
    return used, shutil.disk_usage(data_dir).free


def _tree(folder: Path) -> int:
    return sum(_size(Path(place) / name) for place, _, names in os.walk(folder) for name in names)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:  # upkeep has just deleted it
        return 0
