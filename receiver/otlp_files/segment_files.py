"""Journal segments as import files: the only ones that hold signals."""

from collections.abc import Iterator

from receiver.journal.errors import Corruption
from receiver.journal.scan import scan
from receiver.lookahead import Lookahead
from receiver.otlp_files.items import BadPayload, Payload


def segment_payloads(source: Lookahead, name: str, limit: int) -> Iterator[Payload | BadPayload]:
    """The records of a segment in order, and a BadPayload for each damaged stretch. May raise JournalError."""
    for index, item in enumerate(scan(source.take, name, max_payload=limit)):
        if isinstance(item, Corruption):
            yield BadPayload(index, f"byte {item.offset}: {item.length} bytes skipped: {item.reason}")
        else:
            record = item.record
            yield Payload(record.kind, record.payload, index, record.received_ns)
