"""Where the APIs are mounted, and what is open to the world."""

from typing import Final

V1: Final = "/api/v1"
V2: Final = "/api/v2"
PUBLIC: Final = "/public"
"""Below it nobody is asked for a key."""
