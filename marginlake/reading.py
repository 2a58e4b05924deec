"""The files of an import as prepared batches, read and prepared in a thread of its own while others are committed."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Empty, Full, Queue

from analytics.period import Period
from marginlake.config import MIB, Config
from marginlake.part import part_of
from marginlake.pipeline import Prepared, Unreadable, prepare_or_reject
from marginlake.rules import Rules
from receiver.journal.record import Record
from receiver.otlp_files import BadPayload, ImportFileError, content_sha256, read_payloads

BATCH_BYTES = 128 * MIB
"""Payload bytes that are prepared and committed together: preparing and committing have a fixed cost each. At most
three batches are in memory: being read, waiting, and being committed."""

FIRST_BYTES = 8 * MIB
"""The first batch is small and each twice as large as the one before: committing begins at once, and few payloads are
decoded before the compiled scanner is loaded."""

CLOCK_MARGIN = timedelta(days=1)
"""What was received longer than this before a period cannot belong to it, unless a sender's clock is so fast."""

_WAIT = 0.5


@dataclass(frozen=True)
class Failure:
    """A file that could not be read to its end."""

    path: Path
    error: Exception


@dataclass
class Read:
    """A batch: what some files, or parts of them, hold. positions: where each source stands after it.

    bytes_done: size of the files that are read through by then. unreadable: payloads that are no OTLP request.
    """

    prepared: Prepared
    positions: dict[str, int]
    bytes_done: int
    unreadable: int = 0
    failures: list[Failure] = field(default_factory=list)


def source_of(path: Path, rules: Rules, period: Period, reading: str = "") -> str:
    """The name under which the progress of this file's content is kept. Raises ImportFileError.

    Another set of own dialects, another period and another `reading` make it another import.
    """
    parts = ["import", content_sha256(path)]
    parts += [rules.own_dialects] if rules.own_dialects else []
    if period != Period():
        parts.append("/".join("" if at is None else at.isoformat() for at in (period.start, period.end)))
    return ":".join([*parts, reading] if reading else parts)


@dataclass
class _Gathered:
    """What was read and is not given on yet."""

    records: list[Record] = field(default_factory=list)
    bad: list[Unreadable] = field(default_factory=list)
    size: int = 0
    positions: dict[str, int] = field(default_factory=dict)
    unreadable: int = 0
    failures: list[Failure] = field(default_factory=list)


def batches(
    paths: Sequence[Path],
    rules: Rules,
    config: Config,
    period: Period,
    position: Callable[[str], int | None],
    reading: str = "",
) -> Iterator[Read]:
    """What the files hold from where `position` (of a source) says an earlier import stopped.

    A file that cannot be read is a failure in the batch, and the next one follows. With a period only what began in it
    comes. Records are numbered by their place in the file.
    """
    done, waiting, wanted = 0, _Gathered(), FIRST_BYTES

    def given() -> Read:
        nonlocal waiting, wanted
        wanted *= 2
        prepared = part_of(prepare_or_reject(waiting.records, waiting.bad, rules), period)
        read = Read(prepared, waiting.positions, done, waiting.unreadable, waiting.failures)
        waiting = _Gathered()
        return read

    earliest = None if period.start is None else period.start - CLOCK_MARGIN
    for path in paths:
        try:
            size = path.stat().st_size
            if earliest is None or not _ended_before(path, earliest):
                source = source_of(path, rules, period, reading)
                start = position(source) or 0
                for item in read_payloads(path, max_payload_bytes=config.receiver.max_request_mib * MIB):
                    if item.index < start:
                        continue
                    waiting.positions[source] = item.index + 1
                    if isinstance(item, BadPayload):
                        place = f"{source}:{item.index}"
                        waiting.bad.append(Unreadable("unreadable_payload", f"{path.name}: {item.reason}", place, None))
                        waiting.unreadable += 1
                    elif earliest is None or item.received_ns is None or _moment(item.received_ns) >= earliest:
                        received_ns = item.received_ns or time.time_ns()
                        waiting.records.append(Record(item.index + 1, item.kind, received_ns, item.payload))
                        waiting.size += len(item.payload)
                    if waiting.size >= min(wanted, BATCH_BYTES):
                        yield given()
            done += size
        except (ImportFileError, OSError) as error:
            waiting.failures.append(Failure(path, error))
    yield given()


def ahead(reads: Iterator[Read]) -> Iterator[Read]:
    """The same batches, the next one made in a thread while the last is worked on; its errors are raised here."""
    queue: Queue[Read | BaseException | None] = Queue(maxsize=1)
    stopped = threading.Event()

    def put(item: Read | BaseException | None) -> None:
        given = False
        while not given and not stopped.is_set():
            with suppress(Full):
                queue.put(item, timeout=_WAIT)
                given = True

    def work() -> None:
        try:
            for read in reads:
                put(read)
                if stopped.is_set():
                    return
            put(None)
        except BaseException as error:  # noqa: BLE001 (raised where somebody sees it)
            put(error)

    thread = threading.Thread(target=work, name="marginlake-import-read", daemon=True)
    thread.start()
    try:
        while True:
            try:
                # with a timeout, so that Ctrl-C is noticed
                item = queue.get(timeout=_WAIT)
            except Empty:
                continue
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join(30)


def _ended_before(path: Path, moment: datetime) -> bool:
    """Whether an archived segment's last record was received before that: it keeps the time of its last write."""
    return ".mlj" in path.suffixes and datetime.fromtimestamp(path.stat().st_mtime, UTC) < moment


def _moment(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC)
