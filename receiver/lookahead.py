"""Looking ahead in a stream that can only be read forward."""

from collections.abc import Callable
from typing import Final

_CHUNK: Final = 1 << 18

Read = Callable[[int], bytes]
"""Up to that many bytes from where the last call ended; empty only at the end."""


class Lookahead:
    """The part of a stream that is in memory: `data[at:]`, which starts at byte `offset` of the stream."""

    def __init__(self, read: Read, offset: int = 0) -> None:
        """`offset` is where `read` starts."""
        self._read = read
        self._base = offset
        self._ended = False
        self.data = b""
        self.at = 0

    @property
    def offset(self) -> int:
        """How far the stream has been consumed, in bytes."""
        return self._base + self.at

    @property
    def left(self) -> int:
        """Bytes in memory from `at` on."""
        return len(self.data) - self.at

    def ensure(self, size: int) -> bool:
        """Read on until `size` bytes are in memory from `at` on; False when the stream ends before."""
        missing = size - self.left
        if missing <= 0:
            return True
        pieces = [self.data[self.at :]]
        while missing > 0 and not self._ended:
            piece = self._read(max(missing, _CHUNK))
            self._ended = not piece
            pieces.append(piece)
            missing -= len(piece)
        self._base += self.at
        self.at = 0
        self.data = b"".join(pieces)
        return missing <= 0

    def seek(self, wanted: bytes) -> bool:
        """Consume up to the next `wanted`, without it; False, and everything consumed, when there is none."""
        while True:
            found = self.data.find(wanted, self.at)
            if found >= 0:
                self.at = found
                return True
            self.at = max(self.at, len(self.data) - len(wanted) + 1)
            if not self.ensure(self.left + 1):
                self.at = len(self.data)
                return False

    def peek(self, size: int) -> bytes:
        """The next `size` bytes, fewer at the end, without consuming them."""
        self.ensure(size)
        return self.data[self.at : self.at + size]

    def take(self, size: int) -> bytes:
        """Consume and return the next `size` bytes, fewer at the end."""
        taken = self.peek(size)
        self.at += len(taken)
        return taken

    def skip(self, size: int) -> int:
        """Consume `size` bytes without keeping them; returns how many there were."""
        skipped = 0
        while skipped < size and self.ensure(1):
            step = min(self.left, size - skipped)
            self.at += step
            skipped += step
        return skipped
