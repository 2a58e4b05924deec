"""Pydantic Logfire's OpenAI and Anthropic patches: the provider's raw usage is kept as JSON in ``gen_ai.usage.raw``.

A stream is two spans: the request without usage, and a record ``streaming response from ...`` that has it and repeats
the request's model as the response's.
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


def _change(df: pl.DataFrame, base: Reading) -> Reading:
    echo = base["response_id"].is_null() & (base["response_model"] == base["request_model"]).fill_null(value=False)
    return {
        **prefer(raw_usage(json_object(attr(df, RAW))), base),
        "response_model": pl.when(~echo).then(base["response_model"]),
        "reported_cost": base["reported_cost"],
    }


LOGFIRE = gen_ai_variant(
    "logfire",
    lambda df: scope_starts("logfire") | present(df, RAW, TEMPLATE),
    keys=(RAW, TEMPLATE),
    change=_change,
)
