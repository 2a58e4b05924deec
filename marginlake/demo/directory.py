"""Where the demo keeps its lake: a directory that it made itself, and replaces only then."""

import json
import os
import shutil
from importlib import resources
from pathlib import Path

MARKER = ".marginlake-demo"
CONFIG = "marginlake.toml"


class DemoDirectoryError(ValueError):
    """The directory cannot be used; the message says why and what to do."""


def prepare(data_dir: Path) -> Path:
    """Make `data_dir` an empty demo directory with the demo's configuration in it; returns the configuration file.

    An earlier demo's directory is emptied. Anything else that holds files, or serves right now, is left alone:
    DemoDirectoryError.
    """
    if data_dir.exists() and not data_dir.is_dir():
        raise DemoDirectoryError(f"{data_dir} is not a directory")
    if data_dir.is_dir() and any(data_dir.iterdir()):
        if not (data_dir / MARKER).is_file():
            raise DemoDirectoryError(
                f"{data_dir} holds files that the demo did not make: name another directory with --data"
            )
        if (pid := _serving(data_dir)) is not None:
            raise DemoDirectoryError(f"process {pid} is serving {data_dir}: stop it, or name another directory")
        for entry in data_dir.iterdir():
            if entry.name != MARKER:  # last of all, so that an interrupted clean-up can be taken up again
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    data_dir.mkdir(parents=True, exist_ok=True)
    (data_dir / MARKER).write_text("Made by `marginlake demo`, which empties this directory when it runs again.\n")
    config = data_dir / CONFIG
    config.write_text(resources.files("marginlake.demo").joinpath("demo.toml").read_text(encoding="utf-8"))
    return config


def _serving(data_dir: Path) -> int | None:
    """The process that serves this directory, by its `service.json`, if it still runs."""
    try:
        pid = int(json.loads((data_dir / "service.json").read_text())["pid"])
        os.kill(pid, 0)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return pid
