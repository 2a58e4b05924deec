"""tiktoken's rank files: which there are, how to tell a whole one, and where on this machine they lie.

tiktoken downloads a rank file when an encoding is first used. Here nothing is ever downloaded while spans come in: an
encoding is there when its file lies in one of the folders, whole. What a file must be is what the installed tiktoken
says of it, so a later version brings its own encodings along.
"""

from __future__ import annotations

import base64
import hashlib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Final

LARGEST: Final = 64 << 20
"""Bytes of a file that is looked into; the rank files of today have up to 4 MB."""


class RankFileError(ValueError):
    """Not a whole rank file; the message says which and why."""


@dataclass(frozen=True)
class RankFile:
    """An encoding and the file of ranks it needs. `build` makes the encoding (a `tiktoken.Encoding`) of its bytes."""

    name: str
    url: str
    sha256: str
    build: Callable[[bytes], Any]

    @property
    def file_names(self) -> tuple[str, str]:
        """What its file is called: by us, and in the cache directory of tiktoken."""
        cached = hashlib.sha1(self.url.encode(), usedforsecurity=False).hexdigest()
        return f"{self.name}.tiktoken", cached

    def is_whole(self, content: bytes) -> bool:
        """Whether these bytes are the file."""
        return hashlib.sha256(content).hexdigest() == self.sha256


@cache
def published() -> Mapping[str, RankFile]:
    """Every encoding of the installed tiktoken that has a rank file, one for each file, by name."""
    from tiktoken_ext import openai_public

    found: dict[str, RankFile] = {}
    for name, constructor in openai_public.ENCODING_CONSTRUCTORS.items():
        needs = _needs(openai_public, constructor)
        if len(needs) != 1:
            continue
        url, sha256 = needs[0]
        # Encodings that share a file differ in special tokens only, which ordinary text has none of.
        if sha256 and all(known.sha256 != sha256 for known in found.values()):
            found[name] = RankFile(name, url, sha256, _builder(openai_public, constructor))
    return found


@cache
def same_ranks() -> Mapping[str, str]:
    """Encoding of tiktoken -> the published encoding that splits ordinary text alike."""
    from tiktoken_ext import openai_public

    by_hash = {known.sha256: known.name for known in published().values()}
    found = {"gpt2": "r50k_base"}  # the same merges in another format
    for name, constructor in openai_public.ENCODING_CONSTRUCTORS.items():
        for _, sha256 in _needs(openai_public, constructor):
            if sha256 in by_hash:
                found[name] = by_hash[sha256]
    return found


def find(rank_file: RankFile, folders: Iterable[Path]) -> Path | None:
    """Where a file of that name lies; whether it is whole is for `load` to see."""
    places = (folder / name for folder in folders for name in rank_file.file_names)
    return next((place for place in places if place.is_file()), None)


def load(rank_file: RankFile, path: Path) -> Any:
    """The encoding, made of the file. Raises RankFileError when it is not whole, OSError when it cannot be read."""
    content = path.read_bytes()
    if not rank_file.is_whole(content):
        raise RankFileError(f"{path}: not the rank file of {rank_file.name} (its SHA-256 is another)")
    return rank_file.build(content)


def recognise(paths: Iterable[Path], registry: Mapping[str, RankFile]) -> dict[str, tuple[Path, bytes]]:
    """The rank files among some files, told by their hash, whatever they are called. Raises OSError."""
    found: dict[str, tuple[Path, bytes]] = {}
    for path in paths:
        if path.is_file() and path.stat().st_size <= LARGEST:
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            for name, rank_file in registry.items():
                if rank_file.sha256 == digest:
                    found.setdefault(name, (path, content))
    return found


def ranks_in(content: bytes) -> dict[bytes, int]:
    """The ranks in a file: each line a token in base64 and its rank. Raises RankFileError."""
    try:
        lines = (line.split() for line in content.splitlines() if line)
        return {base64.b64decode(token): int(rank) for token, rank in lines}
    except ValueError as error:
        raise RankFileError(f"not a rank file: {error}") from None


def _needs(module: ModuleType, constructor: Callable[[], Any]) -> list[tuple[str, str | None]]:
    """The (url, SHA-256) of the files that an encoding is made of."""
    needs: list[tuple[str, str | None]] = []

    def note(url: str, expected_hash: str | None = None) -> dict[bytes, int]:
        needs.append((url, expected_hash))
        return {}

    def several(**_: object) -> dict[bytes, int]:
        needs.extend([("", None), ("", None)])
        return {}

    _with_loader(module, constructor, note, several)()
    return needs


def _builder(module: ModuleType, constructor: Callable[[], Any]) -> Callable[[bytes], Any]:
    def build(content: bytes) -> Any:
        from tiktoken import Encoding

        def given(*_: object, **__: object) -> dict[bytes, int]:
            return ranks_in(content)

        return Encoding(**_with_loader(module, constructor, given, given)())

    return build


def _with_loader(
    module: ModuleType,
    constructor: Callable[[], Any],
    load_one: Callable[..., dict[bytes, int]],
    load_pair: Callable[..., dict[bytes, int]],
) -> Callable[[], dict[str, Any]]:
    """tiktoken's constructor of an encoding, with other loaders than its own, which download."""
    scope = {**vars(module), "load_tiktoken_bpe": load_one, "data_gym_to_mergeable_bpe_ranks": load_pair}
    for name, value in vars(module).items():  # encodings are made of each other
        if inspect.isfunction(value) and value.__module__ == module.__name__:
            scope[name] = FunctionType(value.__code__, scope, name)
    made: Callable[[], dict[str, Any]] = scope[constructor.__name__]
    return made


def folders_of(*places: Path | str | None) -> Sequence[Path]:
    """The folders that are named, in their order."""
    return tuple(Path(place) for place in places if place)
