"""Some spans once more, this time with their prompts and answers, which are neither set apart nor stored otherwise.

Text is what makes spans large, and only a call that does not say what it used needs it. So the decoder passes it over,
and those few spans are picked out of their payloads and decoded again.
"""

from collections.abc import Sequence
from typing import Final

import polars as pl

from receiver.decode import decode_traces
from receiver.decode_view import parse_view
from receiver.frames import Decoded, Wanted

TEXT_EVENTS: Final = frozenset(
    {
        "gen_ai.system.message", "gen_ai.user.message", "gen_ai.assistant.message", "gen_ai.tool.message",
        "gen_ai.choice", "gen_ai.content.prompt", "gen_ai.content.completion",
        "gen_ai.client.inference.operation.details",
    }
)  # fmt: skip
"""Span events in which instrumentations write down prompts and answers."""


def with_content(payloads: Sequence[tuple[bytes, int]], places: pl.DataFrame) -> Decoded:
    """Decode the spans named by ``places`` (trace_id, span_id, payload_index) with their content and text events.

    ``payloads``: what ``decode_traces`` was given when it made ``payload_index``. In ``attributes`` of spans and events
    only secrets are left out, and the resource, which is empty. Of a span that its payload repeats, all are returned.
    """
    picked = []
    for (index,), part in places.group_by("payload_index", maintain_order=True):
        ids = {bytes.fromhex(trace + span) for trace, span in part.select("trace_id", "span_id").iter_rows()}
        payload, received_ns = payloads[int(str(index))]
        picked.append((_only(payload, ids), received_ns))
    return decode_traces(picked, Wanted(event_names=TEXT_EVENTS), capture_content=True)


def _only(payload: bytes, ids: set[bytes]) -> bytes:
    """The request with nothing in it but the spans of these ids (trace id and span id together)."""
    request = parse_view(payload)
    kept = type(request)()
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            chosen = [span for span in scope_spans.spans if span.trace_id + span.span_id in ids]
            if chosen:
                kept.resource_spans.add().scope_spans.add().spans.extend(chosen)
    return bytes(kept.SerializeToString())
