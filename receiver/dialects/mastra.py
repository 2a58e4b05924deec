"""Mastra's OpenTelemetry exporter: the conventions, with the kind of span in ``mastra.span.type``.

A ``model_generation`` is the loop around its steps. Depending on the version it alone has usage, or its steps and
their inferences have it too; so it is an aggregate, which stands for the calls where nothing below it has usage.
"""

from typing import Final

import polars as pl

from receiver.dialects.dialect import Reading, present
from receiver.dialects.gen_ai import INCLUSIVE, gen_ai_variant
from receiver.dialects.roles import role
from receiver.wide import attr

KIND: Final = "mastra.span.type"
_CALLS: Final = ("model_inference", "model_step", "embedding", "rag_embedding")


def _change(df: pl.DataFrame, base: Reading) -> Reading:
    call = attr(df, KIND).str.to_lowercase().is_in(_CALLS)
    return {"role": role(call), "marker": call}


MASTRA = gen_ai_variant("mastra", lambda df: present(df, KIND), keys=(KIND,), exclusive=INCLUSIVE, change=_change)
