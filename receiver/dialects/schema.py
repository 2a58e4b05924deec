"""The calls frame: what every dialect is turned into, one row per span that looks like a model call.

Counts are non-negative integers; null means that the wire did not say. ``input_tokens`` is the inclusive total: cache
reads, cache writes, audio and images are parts of it. ``output_tokens`` includes reasoning, audio and images.
"""

from collections.abc import Mapping
from typing import Final

import polars as pl

CALL_SCHEMA: Final[Mapping[str, pl.DataType]] = {
    "trace_id": pl.String(),
    "span_id": pl.String(),
    "parent_span_id": pl.String(),
    "occurred_at": pl.Datetime("us", "UTC"),
    "duration_ns": pl.Int64(),
    "dialect": pl.String(),
    "scope_name": pl.String(),
    "role": pl.String(),  # call | aggregate: what the span looks like by itself
    "provider": pl.String(),  # canonical id, see providers.py; null when the wire names none
    "request_model": pl.String(),
    "response_model": pl.String(),
    "operation": pl.String(),
    "service_tier": pl.String(),  # served tier if known, else the requested one; "auto" says nothing and is null
    "batch": pl.Boolean(),
    "input_tokens": pl.Int64(),
    "cache_read_tokens": pl.Int64(),
    "cache_write_5m_tokens": pl.Int64(),
    "cache_write_1h_tokens": pl.Int64(),
    "output_tokens": pl.Int64(),
    "reasoning_tokens": pl.Int64(),
    "audio_input_tokens": pl.Int64(),
    "audio_output_tokens": pl.Int64(),
    "image_input_tokens": pl.Int64(),
    "image_output_tokens": pl.Int64(),
    "search_requests": pl.Int64(),
    "requests": pl.Int64(),
    "images": pl.Int64(),  # images made, where a call is charged by the image
    "audio_seconds": pl.Decimal(18, 6),  # audio heard or made, where a call is charged by time
    "video_seconds": pl.Decimal(18, 6),
    "characters": pl.Int64(),  # of text, where a call is charged by the character
    "pages": pl.Int64(),  # of documents, where a call is charged by the page
    "region": pl.String(),  # where it was served, lower case: a cloud region (eu-west-1) or a residency (eu, us)
    "usage_source": pl.String(),  # reported | missing | estimated
    "usage_note": pl.String(),  # comma joined codes, see usage.py
    "reported_cost_usd": pl.Decimal(18, 12),  # the sender's own figure; its zeros count as "no figure"
    "response_id": pl.String(),
    "failed": pl.Boolean(),
}

READING_SCHEMA: Final[Mapping[str, pl.DataType]] = {
    "role": pl.String(),
    "marker": pl.Boolean(),  # the span says it is a model call even without a model or usage
    "provider": pl.String(),  # as spelled on the wire
    "host": pl.String(),  # server address or base URL, to see through OpenAI-compatible clients
    "request_model": pl.String(),
    "response_model": pl.String(),
    "operation": pl.String(),
    "service_tier": pl.String(),
    "batch": pl.Boolean(),
    "input": pl.Int64(),
    "output": pl.Int64(),
    "total": pl.Int64(),
    "cache_read": pl.Int64(),
    "cache_write": pl.Int64(),  # all writes, whatever their time to live
    "cache_write_5m": pl.Int64(),
    "cache_write_1h": pl.Int64(),
    "reasoning": pl.Int64(),
    "audio_input": pl.Int64(),
    "audio_output": pl.Int64(),
    "image_input": pl.Int64(),
    "image_output": pl.Int64(),
    "search_requests": pl.Int64(),
    "requests": pl.Int64(),
    "images": pl.Int64(),
    "audio_seconds": pl.Decimal(18, 6),
    "video_seconds": pl.Decimal(18, 6),
    "characters": pl.Int64(),
    "pages": pl.Int64(),
    "region": pl.String(),
    "exclusive": pl.Boolean(),  # input excludes cached tokens: known true, known false, or unknown
    "raw": pl.Boolean(),  # counts come from the provider's own usage object, so `exclusive` needs no proof
    "estimated": pl.Boolean(),  # the sender guessed the counts itself
    "note": pl.String(),  # what the dialect knows to be lost or odd
    "reported_cost": pl.String(),
    "response_id": pl.String(),
    "error": pl.String(),
    "took": pl.Float64(),  # seconds; where the span is a mark at the end of a call, the call began so long before it
}
"""What a dialect reads off a span, before the shared rules of usage.py and providers.py; every field is optional."""
