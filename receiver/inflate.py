"""Gzip bodies inflated piece by piece, so that a compressed bomb is refused before it is in memory.

The output never exceeds the limit by more than one piece, whatever the compression ratio.
"""

import io
import zlib
from collections.abc import Callable
from typing import Final

from receiver.errors import Malformed, TooLarge

GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP_WINDOW: Final = zlib.MAX_WBITS | 16
_PIECE: Final = 1 << 18
_SLICE: Final = 1 << 16
_MOST_MEMBERS: Final = 1000


def _no_bound(size: int) -> None:
    del size


class BodyBuffer:
    """Collects a body up to `limit` bytes; `take` is told of every piece before it is kept, and may refuse it."""

    def __init__(self, limit: int, take: Callable[[int], None] = _no_bound) -> None:
        self._limit = limit
        self._take = take
        self._kept = io.BytesIO()
        self._size = 0

    @property
    def room_left(self) -> int:
        """Bytes that still fit."""
        return self._limit - self._size

    def write(self, piece: bytes) -> None:
        """Keep a piece of the body. Raises TooLarge past the limit."""
        if len(piece) > self.room_left:
            raise TooLarge(self._limit)
        if piece:
            self._take(len(piece))
        self._size += self._kept.write(piece)

    def finish(self) -> bytes:
        """The body."""
        return self._kept.getvalue()


class GzipBuffer(BodyBuffer):
    """The same for a gzip body (one or several members): `write` takes compressed bytes, `finish` gives plain ones.

    Raises Malformed for bytes that are no gzip, or that end in the middle.
    """

    def __init__(self, limit: int, take: Callable[[int], None] = _no_bound) -> None:
        super().__init__(limit, take)
        self._members = 0
        self._member = self._next_member()

    def write(self, piece: bytes) -> None:
        """Inflate a piece of the compressed body. Raises TooLarge as soon as the plain bytes pass the limit."""
        view = memoryview(piece)
        # zlib copies the input it has not used yet at every step, so it is given little at a time.
        for start in range(0, len(view), _SLICE):
            self._inflate(bytes(view[start : start + _SLICE]))

    def finish(self) -> bytes:
        """The plain body. Raises Malformed when the compressed one was cut short."""
        if not self._member.eof:
            raise Malformed("the gzip body is cut short")
        return super().finish()

    def _inflate(self, compressed: bytes) -> None:
        while True:
            if self._member.eof:
                if not compressed:
                    return
                self._member = self._next_member()
            asked = min(_PIECE, self.room_left + 1)
            try:
                plain = self._member.decompress(compressed, asked)
            except zlib.error as error:
                raise Malformed(f"the body is not valid gzip: {error}") from error
            super().write(plain)
            compressed = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            # A full piece may leave more inside zlib although all input is used.
            if not compressed and not self._member.eof and len(plain) < asked:
                return

    def _next_member(self) -> "zlib._Decompress":
        self._members += 1
        if self._members > _MOST_MEMBERS:
            raise Malformed(f"the gzip body has more than {_MOST_MEMBERS} members")
        return zlib.decompressobj(_GZIP_WINDOW)


def inflate_gzip(body: bytes, limit: int, take: Callable[[int], None] = _no_bound) -> bytes:
    """The plain bytes of a whole gzip body. Raises TooLarge past `limit` plain bytes and Malformed for bad gzip."""
    buffer = GzipBuffer(limit, take)
    buffer.write(body)
    return buffer.finish()


def wire_limit(limit: int) -> int:
    """The most bytes on the wire that can be `limit` bytes when inflated: gzip adds a little to what it cannot pack."""
    return limit + limit // 1000 + 1024
