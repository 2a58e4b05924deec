"""Token counts of texts, for calls whose provider or SDK did not say what they used.

An estimate is what tiktoken counts in the text that was captured, with the framing that OpenAI documents for chats. It
depends on the text and the model's name alone, and on whether the encoding's rank file was there.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from pricing_tables.rank_files import RankFile, RankFileError, find, load, published, same_ranks

FALLBACK: Final = "o200k_base"
"""For models whose tokenizer is not public, or that tiktoken does not know yet."""

MODERN: Final = ("o200k_base", "cl100k_base")
"""What the models of today are counted with."""

PIECE: Final = 65_536
"""Characters that are counted at once; longer texts are counted in pieces, so that no run of them can take for ever."""

_THREADS: Final = 2
_ROUTE: Final = re.compile(r"^(?:[^:/]+/)+")


class Tokenizers:
    """Counts tokens with the rank files that lie in some folders. Downloads nothing. Safe to use from any thread."""

    def __init__(self, folders: Sequence[Path], registry: Mapping[str, RankFile] | None = None) -> None:
        """`registry`: the rank files there can be, by encoding; default: those of the installed tiktoken."""
        self.folders: Final = tuple(folders)
        self._registry = registry
        self._lock = threading.Lock()
        self._loaded: dict[str, Any] = {}
        self._refused: dict[str, tuple[Path, int, int]] = {}
        self.damage: dict[str, str] = {}
        """Encoding -> why its file is not used, as far as one was found and tried."""

    @property
    def registry(self) -> Mapping[str, RankFile]:
        """The rank files there can be, by encoding."""
        return published() if self._registry is None else self._registry

    def available(self, encoding: str) -> bool:
        """Whether texts can be counted in this encoding. A file that comes or is mended later is noticed."""
        return self._encoding(encoding) is not None

    def count(self, encoding: str, texts: Sequence[str]) -> list[int]:
        """How many tokens each text has. Raises KeyError when the encoding is not available."""
        codec = self._encoding(encoding)
        if codec is None:
            raise KeyError(encoding)

        def tokens(text: str) -> int:
            pieces = range(0, len(text), PIECE)
            return sum(len(codec.encode_ordinary(text[start : start + PIECE])) for start in pieces)

        if sum(map(len, texts)) <= PIECE:
            return [tokens(text) for text in texts]
        with ThreadPoolExecutor(_THREADS, "tokens") as pool:  # counting leaves the interpreter to others
            return list(pool.map(tokens, texts))

    def _encoding(self, name: str) -> Any:
        with self._lock:
            if name in self._loaded or name not in self.registry:
                return self._loaded.get(name)
            path = find(self.registry[name], self.folders)
            if path is None:
                return None
            try:
                state = path.stat()
                tried = (path, state.st_mtime_ns, state.st_size)
                if self._refused.get(name) == tried:
                    return None
                self._refused[name] = tried
                self._loaded[name] = load(self.registry[name], path)
            except (RankFileError, OSError) as error:
                self.damage[name] = str(error)
                return None
            self.damage.pop(name, None)
            return self._loaded[name]


def encoding_for(model: str | None) -> tuple[str, bool]:
    """The encoding to count a model's text in, and whether it is the model's own (else it is near enough).

    tiktoken knows OpenAI's models. Others keep their tokenizers to themselves or have one each; `o200k_base` is used.
    """
    from tiktoken.model import encoding_name_for_model

    name = _ROUTE.sub("", model or "").lower()
    try:
        return same_ranks()[encoding_name_for_model(name)], True
    except KeyError:
        return FALLBACK, False
