"""Pydantic Logfire's OpenAI and Anthropic patches: the provider's raw usage is kept as JSON in ``gen_ai.usage.raw``.

A stream is two spans: the request without usage, which ends when the stream opens, and a record ``streaming response
from ...`` at its end, that has the usage and repeats the request's model as the response's. Where no span is around
them, each is a trace of its own. The notes ``stream_request`` and ``stream_record`` tell who is to be put together.
"""

from typing import Final

import polars as pl

from receiver.dialects.dialect import Reading, present, scope_starts
from receiver.dialects.gen_ai import gen_ai_variant
from receiver.dialects.payload import json_object
from receiver.dialects.raw_usage import prefer, raw_usage
from receiver.wide import attr

RAW: Final = "gen_ai.usage.raw"
TEMPLATE: Final = "logfire.msg_template"
SPAN_TYPE: Final = "logfire.span_type"
DURATION: Final = "duration"


def _change(df: pl.DataFrame, base: Reading) -> Reading:
    echo = base["response_id"].is_null() & (base["response_model"] == base["request_model"]).fill_null(value=False)
    usage = prefer(raw_usage(json_object(attr(df, RAW))), base)
    record = (attr(df, SPAN_TYPE) == "log") & attr(df, TEMPLATE).str.starts_with("streaming response")
    request = echo & usage["input"].is_null() & usage["output"].is_null() & (pl.col("status") != "error")
    return {
        **usage,
        "took": pl.when(record).then(attr(df, DURATION).cast(pl.Float64, strict=False)),
        "note": pl.when(record).then(pl.lit("stream_record")).when(request).then(pl.lit("stream_request")),
        "response_model": pl.when(~echo).then(base["response_model"]),
        "reported_cost": base["reported_cost"],
    }


LOGFIRE = gen_ai_variant(
    "logfire",
    lambda df: scope_starts("logfire") | present(df, RAW, TEMPLATE),
    keys=(RAW, TEMPLATE, SPAN_TYPE, DURATION),
    change=_change,
)
