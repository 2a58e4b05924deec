"""Bytes in, frames and rejections out: OTLP trace payloads become columns.

Two decoders make the same frames of them. ``decode_messages`` works everywhere and at once; ``wire_decode`` is several
times as fast on batches worth it, once it is compiled.
"""

from collections.abc import Sequence

from receiver.decode_messages import decode_messages
from receiver.frames import Decoded, Wanted
from receiver.inspection import Inspection, MalformedPayload, inspect_traces
from receiver.wire_ready import scanner_for

__all__ = ["Decoded", "Inspection", "MalformedPayload", "Wanted", "decode_traces", "inspect_traces"]


def decode_traces(payloads: Sequence[tuple[bytes, int]], wanted: Wanted, *, capture_content: bool = False) -> Decoded:
    """Decode ``(payload, received_ns)`` pairs: serialized ``ExportTraceServiceRequest`` and its time of receipt.

    Never raises for what a payload holds: an unreadable one is a row of ``rejected`` (``malformed_payload``), so is
    every span whose ids are invalid. Spans keep the order of the payloads. A wide column appears only for a wanted
    key that occurred; secrets have none, prompt text has one when wanted but is stored only with ``capture_content``.
    """
    decode = scanner_for(sum(len(payload) for payload, _ in payloads)) or decode_messages
    return decode(payloads, wanted, capture_content=capture_content)
