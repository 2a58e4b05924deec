"""One key into the table of keys, for those that must be there before the first scan."""

from receiver.wire_memory import compiled
from receiver.wire_read import find_key


@compiled
def register(context: int, at: int, size: int) -> int:
    """The number of a key, which is added when it is new."""
    return find_key(context, at, size, True)
