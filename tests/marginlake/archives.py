"""Archives as a service leaves them: records through the journal, its closed segments compressed."""

from collections.abc import Sequence
from pathlib import Path

from marginlake.sources import ARCHIVE
from receiver.journal import Journal, Record
from receiver.journal.archive import archive_closed


def archive(data_dir: Path, records: Sequence[Record], *, segment_bytes: int = 1 << 16) -> list[Path]:
    """Put records into the archive of a data directory; returns its segments. Each keeps its time of receipt."""
    moments = iter([record.received_ns for record in records])
    latest = [0]

    def clock() -> int:
        latest[0] = next(moments, latest[0])
        return latest[0]

    journal_dir = data_dir.with_name(f"{data_dir.name}-journal")
    with Journal(journal_dir, segment_bytes=segment_bytes, fsync=False, clock=clock) as journal:
        for record in records:
            journal.append(record.kind, record.payload).result(10)
        end = journal.durable_seq + 1
    # what is in the last segment is closed once the journal is opened behind it
    (journal_dir / f"{end:020d}.mlj").touch()
    return archive_closed(journal_dir, data_dir / ARCHIVE, end)
