"""Files that may be gzip or zstd, read as the plain bytes they stand for, a bounded piece at a time."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import zstandard

from receiver.lookahead import Lookahead, Read

GZIP_MAGIC: Final = b"\x1f\x8b"
ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"

_ZSTD_SLICE: Final = 1 << 10
"""zstd expands at most some 32,000 times: what one slice becomes stays within 32 MiB."""


class PackedError(ValueError):
    """Compressed bytes that are cut short or damaged; everything before them was given out."""


@contextmanager
def open_unpacked(path: Path) -> Iterator[Read]:
    """The plain bytes of a file, whatever its name; its first bytes tell how it is packed.

    The reader raises PackedError where compressed bytes end in the middle or are damaged. Raises OSError.
    """
    with path.open("rb") as file:
        head = file.read(len(ZSTD_MAGIC))
        file.seek(0)
        if head.startswith(GZIP_MAGIC):
            yield _Gzip(file)
        elif head == ZSTD_MAGIC:
            yield _Zstd(file)
        else:
            yield file.read


def unpack_zstd(packed: bytes, limit: int) -> bytes:
    """The plain bytes of zstd frames in memory. Raises PackedError for damaged ones and for more than `limit` bytes."""
    plain = Lookahead(_Zstd(io.BytesIO(packed))).take(limit + 1)
    if len(plain) > limit:
        raise PackedError(f"more than {limit} bytes after decompression")
    return plain


class _Gzip:
    """One or several gzip members."""

    def __init__(self, file: BinaryIO) -> None:
        self._stream = gzip.GzipFile(fileobj=file, mode="rb")

    def __call__(self, size: int) -> bytes:
        try:
            return self._stream.read1(size)
        except EOFError:
            raise PackedError("the gzip data is cut short") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise PackedError(f"the gzip data is damaged: {error}") from error


class _Zstd:
    """One or several zstd frames. (The library's own stream reader takes a cut file for a finished one.)"""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._packed = b""
        self._plain = memoryview(b"")
        self._frame: zstandard.ZstdDecompressionObj | None = None

    def __call__(self, size: int) -> bytes:
        while not self._plain:
            self._packed = self._packed or self._file.read(_ZSTD_SLICE)
            if not self._packed:
                if self._frame is not None:
                    raise PackedError("the zstd data is cut short")
                return b""
            self._inflate()
        given, self._plain = bytes(self._plain[:size]), self._plain[size:]
        return given

    def _inflate(self) -> None:
        frame = self._frame or zstandard.ZstdDecompressor().decompressobj()
        try:
            self._plain = memoryview(frame.decompress(self._packed))
        except zstandard.ZstdError as error:
            raise PackedError(f"the zstd data is damaged: {error}") from error
        self._packed = frame.unused_data if frame.eof else b""
        self._frame = None if frame.eof else frame
