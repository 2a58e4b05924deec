"""Writing the dashboards to a folder, without ever losing what someone changed there."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from dashboards import provisioning


class ChangedFilesError(Exception):
    """Files are there already and differ from what would be written; the message names them."""


def grafana_files(out: Path, data_dir: Path) -> dict[str, str]:
    """Content by path below `out`: dashboards, data sources and provider. Both paths absolute."""
    return {f"dashboards/{name}": text for name, text in _shipped("grafana").items()} | {
        "provisioning/datasources/marginlake.yaml": provisioning.grafana_sources(data_dir),
        "provisioning/dashboards/marginlake.yaml": provisioning.grafana_provider(out / "dashboards"),
    }


def datadog_files() -> dict[str, str]:
    """Content by path: the dashboard, and the check for Datadog's agent."""
    return _shipped("datadog") | {"openmetrics.d/conf.yaml": provisioning.DATADOG_CHECK}


def write(out: Path, files: Mapping[str, str], *, force: bool) -> list[Path]:
    """Write what is missing below `out`, and with `force` what differs; returns the files written.

    Raises ChangedFilesError, before anything is written, when a file differs and `force` is not set; OSError.
    """
    wanted = {out / path: text for path, text in files.items()}
    differs = [path for path, text in wanted.items() if path.exists() and path.read_text(encoding="utf-8") != text]
    if differs and not force:
        names = ", ".join(str(path) for path in differs)
        raise ChangedFilesError(f"there already, with other content: {names} (--force overwrites)")
    missing = [path for path in wanted if not path.exists()]
    for path in (*missing, *differs):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8")
    return [*missing, *differs]


def _shipped(kind: str) -> dict[str, str]:
    folder = resources.files("dashboards") / "files" / kind
    return {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.name.endswith(".json")}
