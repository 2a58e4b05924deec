"""Spans that look like a model call but were not understood: by the names of their attributes, never by their values.

Only spans that no dialect read are looked at, and calls whose usage nobody found, so ordinary traffic pays for one
text search. What a dialect knows to be no call (tools, agents, chains, raw exchanges, signals) is no question.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from receiver.dialects.dialect import Dialect
from receiver.dialects.gen_ai import GENERIC
from receiver.dialects.registry import DIALECTS
from receiver.frames import UTC_MICROS
from receiver.signals.schema import PAID_SIGNAL_NAME

UNMAPPED_SCHEMA: Final[Mapping[str, pl.DataType]] = {
    "trace_id": pl.String(),
    "span_id": pl.String(),
    "occurred_at": UTC_MICROS,
    "service_name": pl.String(),
    "scope_name": pl.String(),
    "scope_version": pl.String(),
    "name": pl.String(),
    "reason": pl.String(),  # no_dialect | nothing_read | usage_unread
    "attribute_names": pl.String(),  # sorted, comma separated
    "content_hash": pl.UInt64(),  # of the span: tells two versions of it apart
}

MOST_NAMES: Final = 200
"""Attribute names that a row shows at most."""

_HINT: Final = r'gen_?ai[._]|llm[._]|["._]ai[._]|oken(?:s|[._]?[cCuU])'
"""What the JSON of a span must contain to be looked at closely: a superset of what is looked for below."""

_MODEL: Final = r"(?:^|[._])(?:gen_?ai|llm|ai)[._].*model"
_DEVICE: Final = r"^ai\.device\."  # of a phone, in Application Insights
_TOKENS: Final = (
    r"(?i)(?:prompt|completion|input|output|total|cached?|reasoning|thinking|usage)[a-z_.\-]*tokens"
    r"|tokens[._\-](?:in|out|input|output|prompt|completion|total|used|cached?|count)"
    r"|token[._\-]?(?:count|usage)"
)
_LIMIT: Final = r"(?i)(?:^|[._\-])max|maximum|limit|budget|remaining|per[._]?second|time[._\-]?(?:to|per)"
_NAMESPACE: Final = r"(?:^|[._])(?:gen_?ai|llm|ai)[._]"

_TOKEN_OF_JSON: Final = r'"(?:[^"\\]|\\.)*":?|[{}]'
_NOT_THE_SENDERS: Final = ("resource", "marginlake.clock")
_SIGNAL: Final = "marginlake.signal."


def unmapped_calls(spans: pl.DataFrame, doubtful: pl.DataFrame, dialects: Sequence[Dialect]) -> pl.DataFrame:
    """Rows of ``UNMAPPED_SCHEMA`` for the spans among the doubtful ones (see ``CallsRead``) that look like calls.

    ``no_dialect``: no dialect recognises the span. ``nothing_read``: one does, but finds neither a model nor usage.
    ``usage_unread``: a call without usage, though the span has what look like token counts under names nobody reads.
    A span that one of the operator's own dialects recognises is always asked about when nothing was read.
    """
    own = ~pl.col("dialect").is_in([dialect.name for dialect in DIALECTS]) & ~pl.col("is_call")
    rows = doubtful.with_columns(
        spans["attributes"].gather(doubtful["_row"]), spans["name"].gather(doubtful["_row"]), own=own.fill_null(False)
    ).filter((pl.col("own") | pl.col("attributes").str.contains(_HINT)) & (pl.col("name") != PAID_SIGNAL_NAME))
    if rows.is_empty():
        return pl.DataFrame(schema=UNMAPPED_SCHEMA)
    looks = rows.drop("name").join(_looks(rows, dialects), on="_row", how="left").filter(_is_question())
    found = looks.sort("_row").with_columns(reason=_reason())
    return (
        spans[found["_row"].to_list()]
        .with_columns(found["reason"], found["attribute_names"])
        .select(
            pl.col("start_time" if name == "occurred_at" else name).cast(dtype).alias(name)
            for name, dtype in UNMAPPED_SCHEMA.items()
        )
    )


def _looks(rows: pl.DataFrame, dialects: Sequence[Dialect]) -> pl.DataFrame:
    """What the attribute names of each row look like: a line per row with at least one attribute."""
    names = _names(rows).join(_read_keys(dialects), on=["dialect", "attribute"], how="left")
    name = pl.col("attribute")
    counts = name.str.contains(_TOKENS) & ~name.str.contains(_LIMIT) & pl.col("read").is_null()
    return names.group_by("_row").agg(
        says_model=(name.str.contains(_MODEL) & ~name.str.contains(_DEVICE)).any(),
        has_model=name.str.contains("(?i)model").any(),
        unread=counts.any(),
        unread_here=(counts & name.str.contains(_NAMESPACE)).any(),
        signal=name.str.starts_with(_SIGNAL).any(),
        attribute_names=name.unique().sort().head(MOST_NAMES).str.join(", "),
    )


def _names(rows: pl.DataFrame) -> pl.DataFrame:
    """Names of the span's own attributes, a line each, beside ``_row`` and ``dialect``.

    Of a JSON text only strings and braces are looked at: a string before a colon, one brace deep, is such a name.
    """
    token = pl.col("token")
    deeper = pl.when(token == "{").then(1).when(token == "}").then(-1).otherwise(0)
    return (
        rows.select("_row", "dialect", token=pl.col("attributes").str.extract_all(_TOKEN_OF_JSON))
        .explode("token")
        .filter((deeper.cum_sum() == 1) & token.str.ends_with(":"))
        .select("_row", "dialect", attribute=token.str.strip_prefix('"').str.strip_suffix('":'))
        .filter(~pl.col("attribute").is_in(_NOT_THE_SENDERS))
    )


def _read_keys(dialects: Sequence[Dialect]) -> pl.DataFrame:
    """Which attributes each dialect reads."""
    lines = [(dialect.name, key) for dialect in dialects for key in dialect.keys | dialect.counts]
    columns = {"dialect": pl.String(), "attribute": pl.String()}
    return pl.DataFrame(lines, schema=columns, orient="row").unique().with_columns(read=pl.lit(value=True))


def _is_question() -> pl.Expr:
    """Whether the span is worth asking about. Of a library that has its own dialect only lost counts are."""
    general = pl.col("dialect").is_null() | (pl.col("dialect") == GENERIC.name)
    looks = pl.col("says_model") | pl.col("unread_here") | (pl.col("unread") & pl.col("has_model"))
    asked = pl.when(general & ~pl.col("is_call")).then(looks).otherwise(pl.col("unread"))
    return (pl.col("own") | asked.fill_null(value=False)) & ~pl.col("signal").fill_null(value=False)


def _reason() -> pl.Expr:
    unknown = pl.when(pl.col("dialect").is_null()).then(pl.lit("no_dialect"))
    return unknown.when(pl.col("is_call")).then(pl.lit("usage_unread")).otherwise(pl.lit("nothing_read"))
