"""Price data out of released packages: the installed one, a wheel or a bare file, read as text and never executed.

Only two files matter: `genai_prices/data.py` (with `data_units.py`) and LiteLLM's price JSON.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.parser import HeaderParser
from pathlib import Path
from typing import Final

GENAI_PRICES: Final = "genai-prices"
LITELLM: Final = "litellm"

FILES: Final[Mapping[str, tuple[str, ...]]] = {
    GENAI_PRICES: ("genai_prices/data.py", "genai_prices/data_units.py"),
    LITELLM: ("litellm/model_prices_and_context_window_backup.json",),
}
"""Package -> its price files inside the distribution; the first must be there."""


class SourceError(ValueError):
    """Price data that is not there or is not what it should be; the message is one line."""


@dataclass(frozen=True)
class Release:
    """One release of a price source: `texts` holds the files of `FILES` that it has."""

    package: str
    version: str
    texts: Mapping[str, str] = field(repr=False)

    @property
    def main(self) -> str:
        """Text of the package's price file."""
        return self.texts[FILES[self.package][0]]

    @property
    def name(self) -> str:
        """`package version`, as notes and catalogs name it."""
        return f"{self.package} {self.version}"


def installed(package: str) -> Release:
    """The installed release of `package`, found without importing it. Errors: SourceError when it is not installed."""
    try:
        distribution = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        raise SourceError(f"the package {package} is not installed") from None
    texts = {}
    for name in FILES[package]:
        path = Path(str(distribution.locate_file(name)))
        if path.is_file():
            texts[name] = path.read_text(encoding="utf-8")
    return _release(package, distribution.version, texts, f"the installed {package}")


def read_release(path: Path, package: str | None = None) -> Release:
    """A release from a wheel, or LiteLLM's from its JSON alone (whose version is then the hash of its content).

    Errors: SourceError when the file cannot be read, or holds no price data (of `package`, if given).
    """
    if not path.is_file():
        raise SourceError(f"{path}: no such file")
    try:
        release = _from_wheel(path) if zipfile.is_zipfile(path) else _from_json(path)
    except (OSError, UnicodeDecodeError, zipfile.BadZipFile) as error:
        raise SourceError(f"{path}: cannot be read ({error})") from None
    if package is not None and release.package != package:
        raise SourceError(f"{path}: holds {release.package}, not {package}")
    return release


def _from_wheel(path: Path) -> Release:
    with zipfile.ZipFile(path) as wheel:
        names = set(wheel.namelist())
        metadata = next((name for name in names if name.endswith(".dist-info/METADATA") and name.count("/") == 1), None)
        if metadata is None:
            raise SourceError(f"{path}: not a wheel")
        headers = HeaderParser().parsestr(wheel.read(metadata).decode())
        package = str(headers["Name"]).replace("_", "-").lower()
        if package not in FILES:
            raise SourceError(f"{path}: {package} is not a known price source ({', '.join(FILES)})")
        texts = {name: wheel.read(name).decode() for name in FILES[package] if name in names}
    return _release(package, str(headers["Version"]), texts, str(path))


def _from_json(path: Path) -> Release:
    if path.suffix != ".json":
        raise SourceError(f"{path}: neither a wheel nor a JSON file")
    content = path.read_bytes()
    version = f"file {hashlib.sha256(content).hexdigest()[:12]}"
    return _release(LITELLM, version, {FILES[LITELLM][0]: content.decode()}, str(path))


def _release(package: str, version: str, texts: dict[str, str], where: str) -> Release:
    if FILES[package][0] not in texts:
        raise SourceError(f"{where}: no {FILES[package][0]}")
    return Release(package, version, texts)
