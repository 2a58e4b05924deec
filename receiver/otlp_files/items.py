"""What comes out of an import file."""

from dataclasses import dataclass

from receiver.journal.record import Kind


class ImportFileError(ValueError):
    """A file that cannot be imported; the message is one line that names the file, the place and the reason."""


@dataclass(frozen=True, slots=True)
class Payload:
    """One journal payload of a file. `received_ns` is known for journal records only (Unix time in nanoseconds)."""

    kind: Kind
    payload: bytes
    index: int
    received_ns: int | None


@dataclass(frozen=True, slots=True)
class BadPayload:
    """A part of a file that holds no readable payload; `reason` is one line that says where and why."""

    index: int
    reason: str
