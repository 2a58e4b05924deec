"""Ids of business objects: a prefix that tells the kind, and 96 random bits."""

import secrets
from typing import Final

_RANDOM_BYTES: Final = 12


def new_id(prefix: str) -> str:
    """A fresh id such as ``cus_3f1c…`` (24 hex digits after the prefix)."""
    return f"{prefix}_{secrets.token_hex(_RANDOM_BYTES)}"
