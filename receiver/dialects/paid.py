"""The Paid SDK's wrappers (Python and Node): spans named ``paid.trace.*`` with GenAI names of their own.

Anthropic and Bedrock wrappers pass exclusive input on, OpenAI and Gemini inclusive. Signals and the root span of a
trace are no calls. Images, transcriptions and pages have no token counts but an amount of their own.
"""

from typing import Final

import polars as pl

from receiver.dialects.counts import count_attr
from receiver.dialects.dialect import Reading, present
from receiver.dialects.gen_ai import gen_ai_variant
from receiver.dialects.payload import amount
from receiver.dialects.providers import fold_provider
from receiver.wide import attr

UNITS: Final = {
    "images": "gen_ai.image.count",
    "audio_seconds": "gen_ai.audio.input_duration_seconds",
    "pages": "gen_ai.ocr.pages_processed",
}
_NOT_CALLS: Final = ("paid.trace.signal", "paid.trace.parent_span")


def _detect(df: pl.DataFrame) -> pl.Expr:
    wrapped = pl.col("name").str.starts_with("paid.trace.") | present(df, "paid.sdk.version")
    other = present(df, "openinference.span.kind", "ai.operationId") | (pl.col("scope_name") == "ai")
    return wrapped & ~other.fill_null(value=False)


def _change(df: pl.DataFrame, base: Reading) -> Reading:
    call = ~pl.col("name").is_in(_NOT_CALLS)
    return {
        "images": count_attr(df, UNITS["images"]),
        "audio_seconds": amount(attr(df, UNITS["audio_seconds"])),
        "pages": count_attr(df, UNITS["pages"]),
        "marker": call & (base["marker"] | present(df, *UNITS.values())),
        "role": pl.when(call).then(base["role"]).otherwise(pl.lit("aggregate")),
        "exclusive": fold_provider(base["provider"]).is_in(("anthropic", "aws")),
    }


PAID = gen_ai_variant(
    "paid",
    _detect,
    keys=(UNITS["audio_seconds"], "paid.sdk.version"),
    counts=(UNITS["images"], UNITS["pages"]),
    change=_change,
)
