"""Closed segments, compressed and kept: the raw truth from which everything else can be rebuilt.

A segment leaves the journal only when its archive is durable under its final name, so that a crash at any point loses
nothing and the next run finishes what was begun. Only the process that holds the journal may archive it.
"""

import logging
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

import zstandard

from receiver.journal.disk import sync_directory
from receiver.journal.errors import Corruption
from receiver.journal.record import Record
from receiver.journal.scan import scan
from receiver.journal.segments import SUFFIX, list_segments
from receiver.lookahead import Lookahead, Read
from receiver.packed_files import PackedError, open_unpacked

ARCHIVE_SUFFIX: Final = f"{SUFFIX}.zst"

_TEMPORARY: Final = ".part"
_COPY_BYTES: Final = 1 << 20

log = logging.getLogger(__name__)


def archive_closed(journal_dir: Path, archive_dir: Path, committed_seq: int, level: int = 3) -> list[Path]:
    """Compress the closed segments whose records are all below `committed_seq` into the archive; returns the archives.

    `level` is zstd's. The archive keeps the segment's modification time, by which `expire` tells its age. Raises
    OSError when a file cannot be read or written; everything is then still in the journal or in the archive.
    """
    closed = _closed_segments(journal_dir, committed_seq)
    if not closed:
        return []
    archive_dir.mkdir(parents=True, exist_ok=True)
    for left_over in archive_dir.glob(f"*{_TEMPORARY}"):
        left_over.unlink()
    archives = []
    for segment in closed:
        archives.append(_archive(segment, archive_dir, level))
        segment.unlink()
    sync_directory(journal_dir)
    return archives


def drop_closed(journal_dir: Path, committed_seq: int) -> list[Path]:
    """Delete the closed segments whose records are all below `committed_seq` without keeping them; returns them."""
    closed = _closed_segments(journal_dir, committed_seq)
    for segment in closed:
        segment.unlink()
    return closed


def expire(archive_dir: Path, older_than: datetime) -> list[Path]:
    """Delete the archives whose newest record came before `older_than` (timezone-aware); returns them."""
    limit = older_than.timestamp()
    expired = [path for path in list_archives(archive_dir) if path.stat().st_mtime < limit]
    for path in expired:
        path.unlink()
    return expired


def list_archives(archive_dir: Path) -> list[Path]:
    """The archives in the order of their records."""
    return sorted(archive_dir.glob(f"*{ARCHIVE_SUFFIX}")) if archive_dir.is_dir() else []


def _log_damage(damage: Corruption) -> None:
    log.warning("%s: %d bytes at %d skipped: %s", damage.segment, damage.length, damage.offset, damage.reason)


def read_archive(path: Path, on_damage: Callable[[Corruption], None] = _log_damage) -> Iterator[Record]:
    """The intact records of an archive, or of a plain segment, one at a time; `on_damage` hears of what is skipped.

    Offsets of damage count in the decompressed segment. Raises OSError, and JournalError for another format's version.
    """
    name = path.name
    with open_unpacked(path) as read:
        for item in scan(_until_unreadable(read, name, on_damage), name):
            if isinstance(item, Corruption):
                on_damage(item)
            else:
                yield item.record


def _until_unreadable(read: Read, name: str, on_damage: Callable[[Corruption], None]) -> Read:
    """The same bytes; where they cannot be unpacked any further they end, as those of a shorter segment would."""
    given = 0

    def read_on(size: int) -> bytes:
        nonlocal given
        try:
            piece = read(size)
        except PackedError as error:
            on_damage(Corruption(name, given, 0, str(error)))
            return b""
        given += len(piece)
        return piece

    return read_on


def _closed_segments(journal_dir: Path, committed_seq: int) -> list[Path]:
    """Segments written to no more that hold only records below `committed_seq`: their successors' names tell."""
    segments = list_segments(journal_dir)
    return [path for (_, path), (successor, _) in pairwise(segments) if successor <= committed_seq]


def _archive(segment: Path, archive_dir: Path, level: int) -> Path:
    """A durable archive of the segment: the one an interrupted run made, or a new one."""
    target = archive_dir / f"{segment.name}.zst"
    copies = 1
    while target.exists():
        if _holds(target, segment):
            sync_directory(archive_dir)
            return target
        # A journal that was started anew counts from 1 again; what the earlier one archived is kept as well.
        copies += 1
        target = archive_dir / f"{segment.stem}-{copies}{ARCHIVE_SUFFIX}"
    temporary = target.with_name(f"{target.name}{_TEMPORARY}")
    _compress(segment, temporary, level)
    temporary.replace(target)
    sync_directory(archive_dir)
    return target


def _compress(segment: Path, target: Path, level: int) -> None:
    status = segment.stat()
    compressor = zstandard.ZstdCompressor(level=level, write_checksum=True, write_content_size=True)
    with segment.open("rb") as source, target.open("wb") as sink:
        compressor.copy_stream(source, sink, size=status.st_size, read_size=_COPY_BYTES, write_size=_COPY_BYTES)
        sink.flush()
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
        os.fsync(sink.fileno())


def _holds(archive: Path, segment: Path) -> bool:
    """Whether an archive holds exactly this segment."""
    with open_unpacked(archive) as read, segment.open("rb") as plain:
        packed = Lookahead(read)
        try:
            while piece := plain.read(_COPY_BYTES):
                if packed.take(len(piece)) != piece:
                    return False
            return not packed.ensure(1)
        except PackedError:
            return False
