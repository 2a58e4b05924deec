"""OpenLIT: Anthropic input leaves cached tokens out, OpenAI's includes them.

When an OpenAI stream brings no usage, OpenLIT writes its own guess into the same attributes. Real usage always comes
with its cache counters, so a streamed chat without them is an estimate.
"""

from typing import Final

import polars as pl

from receiver.dialects.dialect import Reading, scope_starts
from receiver.dialects.gen_ai import gen_ai_variant
from receiver.dialects.providers import fold_provider
from receiver.wide import attr_bool

STREAM: Final = "gen_ai.request.stream"


def _change(df: pl.DataFrame, base: Reading) -> Reading:
    provider = fold_provider(base["provider"])
    uncounted = base["cache_read"].is_null() & base["cache_write"].is_null()
    return {
        "exclusive": pl.when(provider.is_in(("anthropic", "openai"))).then(provider == "anthropic"),
        "estimated": attr_bool(df, STREAM) & uncounted & (provider == "openai") & (base["operation"] == "chat"),
    }


OPENLIT = gen_ai_variant("openlit", lambda df: scope_starts("openlit"), keys=(STREAM,), change=_change)
