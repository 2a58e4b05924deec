"""Fetch the pinned releases of the price sources and keep only their price files in a cache directory.

Usage: python scripts/fetch_releases.py CACHE

Every release is an ordinary `pip download --no-deps` of one wheel (some hundreds of megabytes in all, one at a time);
what the cache has already is not fetched again. `scripts/build_catalog.py CACHE` builds from it, without a network.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from pricing_tables.importers.past import cache_name, pinned
from pricing_tables.importers.releases import FILES, read_release


def main(cache: Path) -> None:
    """Fill the cache directory."""
    for package, version, _ in pinned():
        if (cache / cache_name(package, version, FILES[package][0])).is_file():
            continue
        with tempfile.TemporaryDirectory() as folder:
            wanted = ["--no-deps", "--only-binary", ":all:", "--dest", folder, f"{package}=={version}"]
            subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", *wanted], check=True)
            (wheel,) = Path(folder).glob("*.whl")
            release = read_release(wheel, package)
        for file, text in release.texts.items():
            path = cache / cache_name(package, version, file)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        print(release.name)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
