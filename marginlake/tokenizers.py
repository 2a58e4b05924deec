"""Where the rank files of tokenizers lie, and how they get there: downloaded ahead, or brought as files.

Folders, in the order they are looked into: the one named by `MARGINLAKE_TOKENIZERS`, `tokenizers` in the data
directory, and tiktoken's own cache when `TIKTOKEN_CACHE_DIR` names it.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from pricing_tables.rank_files import LARGEST, RankFile, find, folders_of, published, recognise
from pricing_tables.tokens import MODERN, Tokenizers

FOLDER = "tokenizers"
VARIABLE = "MARGINLAKE_TOKENIZERS"
TIKTOKEN_VARIABLE = "TIKTOKEN_CACHE_DIR"
_PATIENCE_SECONDS = 30.0


class TokenizerError(Exception):
    """A rank file that cannot be had; the message is one line that says why and what to try."""


@dataclass(frozen=True)
class State:
    """Of one encoding: whether texts can be counted in it, and by which file, or why not."""

    encoding: str
    installed: bool
    file: str


def folders(data_dir: Path | None) -> Sequence[Path]:
    """Where rank files are looked for; only those of the environment when there is no data directory."""
    return folders_of(
        os.environ.get(VARIABLE), data_dir / FOLDER if data_dir else None, os.environ.get(TIKTOKEN_VARIABLE)
    )


def tokenizers_of(data_dir: Path | None) -> Tokenizers:
    """What counts tokens for a data directory."""
    return Tokenizers(folders(data_dir))


def states(tokenizers: Tokenizers) -> list[State]:
    """Every encoding there can be, and whether it is there."""
    found = []
    for name, rank_file in sorted(tokenizers.registry.items()):
        available = tokenizers.available(name)
        path = find(rank_file, tokenizers.folders)
        found.append(State(name, available, tokenizers.damage.get(name) or (str(path) if path else "")))
    return found


def install(
    names: Sequence[str], data_dir: Path, source: Path | None = None, registry: Mapping[str, RankFile] | None = None
) -> dict[str, Path]:
    """Put rank files into the data directory, whole or not at all; returns where each is now.

    names: encodings, by default all that `source` holds, else those of today's models. source: a file, or a folder of
    files, which are told by their SHA-256 and not by their names; without one they are downloaded. Raises
    TokenizerError, or OSError when a file cannot be read or written.
    """
    known = published() if registry is None else registry
    strange = [name for name in names if name not in known]
    if strange:
        raise TokenizerError(f"no encoding {strange[0]!r}; there are: {', '.join(sorted(known))}")
    if source is None:
        contents = {name: _downloaded(known[name]) for name in (names or MODERN)}
    else:
        contents = _brought(names, source, known)
    folder = data_dir / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    return {name: _written(folder / known[name].file_names[0], content) for name, content in contents.items()}


def _brought(names: Sequence[str], source: Path, known: Mapping[str, RankFile]) -> dict[str, bytes]:
    if not source.exists():
        raise TokenizerError(f"{source}: no such file or folder")
    found = recognise(sorted(source.iterdir()) if source.is_dir() else [source], known)
    wanted = names or sorted(found)
    if not wanted:
        raise TokenizerError(f"{source}: no rank file that tiktoken publishes (told by its SHA-256)")
    missing = [name for name in wanted if name not in found]
    if missing:
        raise TokenizerError(f"{source}: holds no rank file of {missing[0]} (told by its SHA-256)")
    return {name: found[name][1] for name in wanted}


def _downloaded(rank_file: RankFile) -> bytes:
    advice = "on a machine without network: marginlake tokenizers fetch --from FILE"
    host = urlsplit(rank_file.url).hostname
    try:
        with urlopen(rank_file.url, timeout=_PATIENCE_SECONDS) as answer:
            content: bytes = answer.read(LARGEST)
    except (URLError, OSError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise TokenizerError(f"{rank_file.name}: cannot be downloaded from {host} ({reason}); {advice}") from None
    if not rank_file.is_whole(content):
        raise TokenizerError(f"{rank_file.name}: what {host} sent is not the file that tiktoken names; {advice}")
    return content


def _written(path: Path, content: bytes) -> Path:
    """Write a file so that nobody ever sees half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path
