"""A tokenizer small enough for a test: every byte is a token, and so is `the `. The texts tell their own count."""

import base64
import hashlib
from pathlib import Path
from typing import Any

from pricing_tables.rank_files import RankFile, ranks_in

RANKS = [bytes([byte]) for byte in range(256)] + [b"th", b"the", b"the "]
CONTENT = b"".join(base64.b64encode(token) + b" %d\n" % rank for rank, token in enumerate(RANKS))


def build(content: bytes) -> Any:
    from tiktoken import Encoding

    return Encoding("tiny", pat_str=r"\S+\s*", mergeable_ranks=ranks_in(content), special_tokens={"<|end|>": 259})


def tiny(name: str, url: str = "https://ranks.example/") -> RankFile:
    """A rank file that passes for that of a known encoding."""
    return RankFile(name, f"{url}{name}.tiktoken", hashlib.sha256(CONTENT).hexdigest(), build)


REGISTRY = {"o200k_base": tiny("o200k_base")}


def installed(folder: Path, name: str = "o200k_base", content: bytes = CONTENT) -> Path:
    """Put the rank file where it is looked for."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.tiktoken"
    path.write_bytes(content)
    return path
