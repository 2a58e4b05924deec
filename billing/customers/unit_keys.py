"""What the external id of a unit may be."""

from typing import Final

LONGEST_KEY: Final = 255


def is_unit_key(text: str) -> bool:
    """Whether a text can be the external id of a unit."""
    return 0 < len(text) <= LONGEST_KEY and text not in (".", "..")
