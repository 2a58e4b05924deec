"""Usage of calls that report none, estimated from the text that was captured of them.

Counts are those of `tokens.Tokenizers`. A chat is framed as OpenAI documents it: three tokens and the role for each
message, and three that open the answer. Notes (in `usage_note`): `tiktoken=ENCODING`, with a `~` behind it when it is
not known to be the model's own; `tokenizer_missing=ENCODING` when there is text but no rank file to count it with;
`reasoning_unseen` for models that think in tokens no span shows; and what the text itself lacks.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from pricing_tables.tokens import Tokenizers, encoding_for

PER_MESSAGE: Final = 3
OPENING_ANSWER: Final = 3

MISSING: Final = "tokenizer_missing="
"""Begins the note of a call that could be estimated if only the rank file were there."""

NOT_COUNTED: Final = "cost_data="
"""Begins the note of a cost that an event states and that cannot be counted; why not follows."""

SILENT: Final = (
    (pl.col("usage_source") == "missing")
    & (pl.col("role") == "call")
    & ~pl.col("failed").fill_null(value=False)
    & ~pl.col("operation").is_in(("rerank", "moderation", "audio", "image", "ocr")).fill_null(value=False)
)
"""Calls that used tokens and do not say how many. A failed one used none, an agent's are those of its calls."""

_EMBEDS: Final = (pl.col("operation") == "embeddings").fill_null(value=False)
_THINKS: Final = (
    r"^(?:.*/)?(?:ft:)?(?:o[1-9](?:-|$)|gpt-5|gpt-oss|gemini-(?:2\.5|[3-9])|deepseek-(?:reasoner|r1)|grok-[34])"
)


def estimate(calls: pl.DataFrame, texts: pl.DataFrame, tokenizers: Tokenizers) -> pl.DataFrame:
    """Calls with an estimate where they are silent and their text is known; the same rows in the same order.

    calls: role, operation, failed, request_model, response_model, usage_source, usage_note, input_tokens and
    output_tokens. texts: `row` (UInt32, of the call in `calls`), `input`, `roles`, `output` (lists of String), `note`.
    An estimate needs both sides of a chat, and the input of an embedding: half of a call has no price. Then
    `usage_source` is 'estimated'; calls whose encoding is not available stay 'missing' and say so in `usage_note`.
    """
    frame = calls.with_row_index("row").filter(SILENT).join(texts, on="row")
    frame = frame.filter((pl.col("input").list.len() > 0) & (_EMBEDS | (pl.col("output").list.len() > 0)))
    if frame.is_empty():
        return calls
    frame = frame.with_columns(model_name())
    frame = frame.join(_encodings(frame, tokenizers), on="model_name", nulls_equal=True)
    counts = _counts(frame.filter("available"), tokenizers)
    frame = frame.join(counts, on="row", how="left")
    estimated = frame.select(
        "row",
        pl.when("available").then("counted_in").alias("estimated_input"),
        pl.when(pl.col("available") & ~_EMBEDS).then("counted_out").alias("estimated_output"),
        pl.when("available").then(pl.lit("estimated")).otherwise("usage_source").alias("estimated_source"),
        _note().alias("estimated_note"),
    )
    placed = calls.with_row_index("row").join(estimated, on="row", how="left", maintain_order="left")
    return placed.select(
        pl.coalesce(new, old).alias(old) if (new := _ESTIMATED.get(old)) else pl.col(old) for old in calls.columns
    )


_ESTIMATED: Final = {
    "input_tokens": "estimated_input",
    "output_tokens": "estimated_output",
    "usage_source": "estimated_source",
    "usage_note": "estimated_note",
}


def model_name() -> pl.Expr:
    """The model that tells the encoding: the one that answered, else the one asked for."""
    return pl.coalesce("response_model", "request_model").alias("model_name")


def _encodings(frame: pl.DataFrame, tokenizers: Tokenizers) -> pl.DataFrame:
    """model_name, encoding, own (is it the model's own), available; one row for each name."""
    rows = []
    for name in frame["model_name"].unique(maintain_order=True):
        encoding, own = encoding_for(name)
        rows.append((name, encoding, own, tokenizers.available(encoding)))
    schema = {"model_name": pl.String, "encoding": pl.String, "own": pl.Boolean, "available": pl.Boolean}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _counts(frame: pl.DataFrame, tokenizers: Tokenizers) -> pl.DataFrame:
    """row, counted_in, counted_out. Every distinct text is counted once."""
    chat = ~_EMBEDS
    sides = [
        ("in", "input", pl.lit(value=True)),
        ("in", "roles", chat),
        ("out", "output", chat),
    ]
    pieces = pl.concat(
        frame.filter(wanted).select("row", "encoding", pl.lit(side).alias("side"), pl.col(column).alias("text"))
        for side, column, wanted in sides
    ).explode("text")
    pieces = pieces.filter(pl.col("text").is_not_null())
    counted = [pieces.select("encoding", "text").clear().with_columns(tokens=pl.lit(0, dtype=pl.Int64))]
    for (encoding,), part in pieces.group_by("encoding", maintain_order=True):
        texts = part["text"].unique(maintain_order=True)
        tokens = pl.Series("tokens", tokenizers.count(str(encoding), texts.to_list()), dtype=pl.Int64)
        counted.append(
            pl.DataFrame({"encoding": pl.repeat(encoding, len(texts), eager=True), "text": texts}).with_columns(tokens)
        )
    known = pieces.join(pl.concat(counted), on=["encoding", "text"])
    sums = known.group_by("row").agg(
        pl.col("tokens").filter(pl.col("side") == side).sum().alias(f"text_{side}") for side in ("in", "out")
    )
    framing = pl.when(chat).then(pl.col("roles").list.len().cast(pl.Int64) * PER_MESSAGE + OPENING_ANSWER).otherwise(0)
    framed = frame.select("row", framing.alias("framing")).join(sums, on="row")
    return framed.select(
        "row", (pl.col("text_in") + pl.col("framing")).alias("counted_in"), pl.col("text_out").alias("counted_out")
    )


def _note() -> pl.Expr:
    """The earlier note without what is settled now, and how the estimate was made."""
    kept = (
        pl.col("usage_note")
        .fill_null("")
        .str.split(",")
        .list.eval(pl.element().filter((pl.element() != "") & ~pl.element().str.starts_with(MISSING)))
    )
    how = (
        pl.when(~pl.col("available"))
        .then(pl.lit(MISSING) + pl.col("encoding"))
        .otherwise(pl.lit("tiktoken=") + pl.col("encoding") + pl.when("own").then(pl.lit("")).otherwise(pl.lit("~")))
    )
    thinks = pl.col("available") & ~_EMBEDS & pl.col("model_name").str.to_lowercase().str.contains(_THINKS)
    kept_note = kept.list.join(",")
    notes = [
        pl.when(kept_note != "").then(kept_note),
        how,
        pl.when(thinks.fill_null(value=False)).then(pl.lit("reasoning_unseen")),
        pl.when("available").then("note"),
    ]
    return pl.concat_str(notes, separator=",", ignore_nulls=True)


def say_what_is_missing(priced: pl.DataFrame) -> pl.DataFrame:
    """Priced calls whose `rate_note` tells 'no usage' from 'no usage, but a tokenizer could count the text', and from a
    stated cost that cannot be counted.
    """
    if "usage_note" not in priced.columns:
        return priced
    encoding = pl.col("usage_note").str.extract(MISSING + r"([^,]+)")
    told = pl.concat_str("rate_note", pl.lit("; tokenizer "), encoding, pl.lit(" not installed"))
    wanted = (pl.col("rate_note") == "no usage") & encoding.is_not_null()
    reason = pl.when(pl.col("status") == "unpriced").then(pl.col("usage_note").str.extract(NOT_COUNTED + r"([^,]+)"))
    return priced.with_columns(
        pl.when(reason.is_not_null())
        .then(pl.lit("costData: ") + reason)
        .when(wanted)
        .then(told)
        .otherwise("rate_note")
        .alias("rate_note")
    )
