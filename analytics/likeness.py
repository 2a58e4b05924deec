"""Under what a call is filed that may be in another trace once more, with no response id to tell: its likeness.

Only calls that can lose their trace or their id have one, and only opposite sides are ever looked for:

| side | who | meets |
|---|---|---|
| `o` | a framework's callback (LangChain and kin) without the provider's id | `i`, when they end |
| `i` | a client's call that is the root of its trace: whoever called it left no context | `o`, when they end |
| `q` | a stream's request, whose usage is on a record of its own | `r`, when the stream opens |
| `r` | the record at the end of that stream | `q`, when the stream opens |

A likeness is 'side|process and what must be equal|second': what must be equal are the input tokens, or the scope and
model of a stream. Both sides always come from one process.
"""

from typing import Final

import polars as pl

from analytics.richness import has_note
from analytics.twins import has_own_id

LIKENESS: Final = ("likeness", "occurred_at", "duration_ns", "output_tokens")
"""The columns of a call from which this module works."""

REACH_US: Final = 250_000
"""Opposite sides meet within this many microseconds, or they are two calls."""

_SECOND: Final = 1_000_000
_OPPOSITE: Final = {"o": "i", "i": "o", "q": "r", "r": "q"}
_CALLBACKS: Final = (
    r"(?i)lang_?chain|langgraph|llama_?index|haystack|crew_?ai|openai_agents|autogen|dspy|smolagents|litellm"
    r"|langfuse|langsmith|mlflow"
)
"""Scopes that learn of a call from callbacks, beside the context in which the client's own span begins."""


def likeness(calls: pl.DataFrame) -> pl.Expr:
    """The likeness of calls, null for those that need none.

    calls: CALL_SCHEMA and `process` (String, null when unknown: then nothing is like it).
    """
    scope = pl.col("scope_name").fill_null("")
    request, record = has_note("stream_request"), has_note("stream_record")
    counted = (pl.col("usage_source") != "missing") & (pl.col("input_tokens") > 0)
    scopes = calls["scope_name"].drop_nulls().unique()  # few, and the pattern is slow
    callback = scope.is_in(scopes.filter(scopes.str.contains(_CALLBACKS)).implode())
    side = (
        pl.when(request).then(pl.lit("q"))
        .when(record).then(pl.lit("r"))
        .when(counted & callback & ~has_own_id()).then(pl.lit("o"))
        .when(counted & ~callback & pl.col("parent_span_id").is_null()).then(pl.lit("i"))
    )  # fmt: skip
    same = (
        pl.when(request | record)
        .then(pl.concat_str(scope, pl.col("request_model").fill_null(""), separator="|"))
        .otherwise(pl.col("input_tokens").cast(pl.String))
    )
    parts = (side, pl.col("process"), same, (_meets(side) // _SECOND).cast(pl.String))
    return pl.when(pl.col("role") == "call").then(pl.concat_str(parts, separator="|")).alias("likeness")


def sides(calls: pl.DataFrame) -> pl.DataFrame:
    """Add `side`, `same` (what must be equal), `output` (what must be equal give or take one; 0 for streams, whose
    request knows none) and `meets` (microseconds since 1970) to calls that have a likeness.

    calls: LIKENESS and whatever else. Calls without a likeness are left out.
    """
    alike = calls.filter(pl.col("likeness").is_not_null())
    return alike.with_columns(
        side=pl.col("likeness").str.head(1), same=pl.col("likeness").str.extract(r"^.\|(.*)\|-?\d+$")
    ).with_columns(
        meets=_meets(pl.col("side")),
        output=pl.when(pl.col("side").is_in(["o", "i"])).then(pl.col("output_tokens")).fill_null(0),
    )


def give_or_take(rows: pl.DataFrame) -> pl.DataFrame:
    """Each row three times: with its `output`, one less and one more."""
    output = pl.col("output")
    return rows.with_columns(output=pl.concat_list(output - 1, output, output + 1)).explode("output")


def sought(calls: pl.DataFrame) -> pl.Series:
    """The likenesses under which all that these calls could meet are filed. calls: LIKENESS."""
    seconds = [(pl.col("meets") + reach) // _SECOND for reach in (-REACH_US, REACH_US)]
    wanted = sides(calls).select(
        pl.col("side").replace_strict(_OPPOSITE, return_dtype=pl.String), "same", pl.concat_list(seconds).alias("at")
    )
    exploded = wanted.explode("at").select(pl.concat_str("side", "same", pl.col("at").cast(pl.String), separator="|"))
    return exploded.to_series().unique().alias("likeness")


def in_reach(others: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """Those of the others that meet one of the calls on the opposite side. Both: LIKENESS and whatever else."""
    opposite = pl.col("side").replace_strict(_OPPOSITE, return_dtype=pl.String)
    met = give_or_take(sides(calls).select(opposite, "same", "output", "meets"))
    if met.is_empty() or others.is_empty():
        return others.clear()
    found = sides(others).sort("meets").join_asof(
        met.sort("meets").with_columns(met=True),
        on="meets", by=["side", "same", "output"], strategy="nearest", tolerance=REACH_US, check_sortedness=False,
    )  # fmt: skip
    return found.filter("met").select(others.columns)


def _meets(side: pl.Expr) -> pl.Expr:
    start = pl.col("occurred_at").dt.epoch("us")
    return pl.when(side == "r").then(start).otherwise(start + pl.col("duration_ns").fill_null(0) // 1000)
