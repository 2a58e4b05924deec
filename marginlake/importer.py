"""Import of one file: its payloads go through the same stages as live traffic, in batches that commit by themselves."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lake.connect import Lake
from marginlake.config import MIB, Config
from marginlake.landing import Landed, land
from marginlake.pipeline import Unreadable, prepare_or_reject
from marginlake.rules import Rules
from receiver.journal.record import Record
from receiver.otlp_files import BadPayload, content_sha256, read_payloads

BATCH_BYTES = 16 * MIB


@dataclass
class Imported:
    """What one file brought. unreadable: payloads of it that are no OTLP request (rows of `rejected`).

    reread: spans among the known that were read anew, by dialects that the lake's rows did not know yet.
    """

    spans: int = 0
    signals: int = 0
    known: int = 0
    rejected: int = 0
    reread: int = 0
    unreadable: int = 0

    def add(self, landed: Landed) -> None:
        """Count one batch."""
        self.spans += landed.new_spans
        self.signals += landed.new_signals
        self.known += landed.known_spans + landed.known_signals
        self.rejected += landed.rejected
        self.reread += landed.reread_spans


def import_file(
    lake: Lake,
    path: Path,
    rules: Rules,
    config: Config,
    tell: Callable[[int, int | None], None] = lambda done, total: None,
) -> Imported:
    """Import a file from where an earlier import of its content stopped. Raises ImportFileError, LakeError, OSError.

    A change of the operator's own dialects makes it another import: what they read otherwise now is read again.
    """
    source = f"import:{content_sha256(path)}" + (f":{rules.own_dialects}" if rules.own_dialects else "")
    start = lake.progress(source) or 0
    done = Imported()
    records: list[Record] = []
    bad: list[Unreadable] = []
    size, position = 0, start

    def flush() -> None:
        nonlocal records, bad, size
        if records or bad:
            done.add(land(lake, prepare_or_reject(records, bad, rules), rules, source, position, reread=True))
            records, bad, size = [], [], 0

    for item in read_payloads(path, max_payload_bytes=config.receiver.max_request_mib * MIB):
        if item.index < start:
            continue
        position = item.index + 1
        if isinstance(item, BadPayload):
            done.unreadable += 1
            bad.append(Unreadable("unreadable_payload", f"{path.name}: {item.reason}", f"{source}:{item.index}", None))
        else:
            received_ns = item.received_ns or time.time_ns()
            records.append(Record(position, item.kind, received_ns, item.payload))
            size += len(item.payload)
        tell(position, None)
        if size >= BATCH_BYTES:
            flush()
    flush()
    return done
