"""From where a call was served to the region names that a price book may use for it."""

from __future__ import annotations

from typing import Final

_GEOGRAPHIES: Final[dict[str, tuple[str, ...]]] = {
    "europe": ("eu",),
    "eu": ("europe",),
    "asia": ("apac", "ap"),
    "ap": ("apac", "asia"),
    "apac": ("ap", "asia"),
}
"""How providers name the same part of the world: a cloud's own regions on the left, other spellings on the right."""


def spellings(region: str) -> list[str]:
    """Names under which a book may hold the rates of `region`, the closest first: eu-west-1, then eu, europe.

    A government region is a world of its own: us-gov-west-1 never takes the rates of us.
    """
    name = region.strip().lower()
    if not name:
        return []
    if name.startswith("us-gov"):
        return list(dict.fromkeys((name, "us-gov")))
    head = name.partition("-")[0].rstrip("0123456789")
    return list(dict.fromkeys((name, head, *_GEOGRAPHIES.get(head, ()))))
