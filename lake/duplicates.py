"""The same span twice: retries vanish, and of two different spans with one id the same one wins in any order."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from lake.commit import Transaction
from lake.frames import conform
from lake.tables.bookkeeping import REJECTED

KEY = ("trace_id", "span_id")
_RANK = ("end_us", "end_ns", "attributes_bytes", "content_hash")
_NEEDED = ("trace_id", "span_id", "start_time", "duration_ns", "attributes", "content_hash")


@dataclass(frozen=True)
class Conflicts:
    """What became of different spans with the same (trace_id, span_id).

    `rejected`: the losers, as rows of the `rejected` table, written already.
    `replaced`: trace_id, span_id of stored spans that lost to one of the batch. Their rows of `spans` are deleted
    already; what was derived from them (costs, signals) is for the caller to redo.
    """

    rejected: pl.DataFrame
    replaced: pl.DataFrame


def split_duplicates(tx: Transaction, spans: pl.DataFrame) -> tuple[pl.DataFrame, Conflicts]:
    """The spans that are new, once each, and what became of those that contradict one another.

    `spans` needs trace_id, span_id, start_time, duration_ns, attributes, content_hash (types as in the spans table);
    all its columns and its order are kept. A span equal to a stored one or an earlier one of the batch (same
    content_hash) is dropped without a trace. Of different spans with one id the one that ended last wins, then the one
    with the longer attributes, then the greater hash, so the outcome does not depend on which arrived first; the others
    are recorded in `rejected` once each, with reason `conflicting_duplicate`.
    """
    once = spans["span_id"].n_unique() == spans.height
    distinct = spans if once else spans.unique([*KEY, "content_hash"], keep="first", maintain_order=True)
    stored = tx.semi("spans", [*KEY, "content_hash"], distinct.select(KEY), KEY)
    if once and stored.is_empty():
        return distinct, _no_conflicts()
    fresh = distinct.join(stored, on=[*KEY, "content_hash"], how="anti")
    contested = pl.concat(
        [
            fresh.filter(pl.struct(KEY).is_duplicated()).select(KEY),
            fresh.join(stored, on=KEY, how="semi").select(KEY),
        ]
    ).unique()
    if contested.height == 0:
        return fresh, _no_conflicts()
    return _settle(tx, fresh, contested)


def _no_conflicts() -> Conflicts:
    nobody = REJECTED.polars_schema.to_frame()
    return Conflicts(nobody, nobody.select(KEY))


def _settle(tx: Transaction, fresh: pl.DataFrame, contested: pl.DataFrame) -> tuple[pl.DataFrame, Conflicts]:
    """Decide the contested ids, delete stored losers and record all losers."""
    received = "received_at" if "received_at" in fresh.columns else "ingested_at"
    arrived = _candidates(fresh.join(contested, on=KEY, how="semi"), received).with_columns(stored=pl.lit(value=False))
    present = _candidates(tx.semi("spans", [*_NEEDED, "ingested_at"], contested, KEY), "ingested_at").with_columns(
        stored=pl.lit(value=True)
    )
    ranked = pl.concat([arrived, present]).sort(_RANK, descending=True)
    winners = ranked.unique(KEY, keep="first", maintain_order=True)
    losers = ranked.join(winners, on=[*KEY, "content_hash"], how="anti")
    replaced = losers.filter("stored").select(KEY)
    if replaced.height:
        tx.delete("spans", replaced)
    rejected = conform(_rejections(losers), REJECTED)
    tx.replace("rejected", rejected.select("rejected_id"), rejected)
    new = fresh.join(losers.select(*KEY, "content_hash"), on=[*KEY, "content_hash"], how="anti")
    return new, Conflicts(rejected, replaced)


def _candidates(spans: pl.DataFrame, received: str) -> pl.DataFrame:
    """Key, rank and time of receipt of spans. Ends are compared in nanoseconds, in two parts that cannot overflow."""
    return spans.select(
        *KEY,
        (pl.col("start_time").dt.epoch("us") + pl.col("duration_ns") // 1000).alias("end_us"),
        (pl.col("duration_ns") % 1000).alias("end_ns"),
        pl.col("attributes").str.len_bytes().fill_null(0).alias("attributes_bytes"),
        "content_hash",
        (pl.col(received) if received in spans.columns else pl.lit(None))
        .cast(pl.Datetime("us", "UTC"))
        .alias("received_at"),
    )


def _rejections(losers: pl.DataFrame) -> pl.DataFrame:
    """Rows of the `rejected` table for losers; the same loser always gets the same id."""
    digits = pl.col("content_hash").cast(pl.String)
    return losers.select(
        pl.concat_str(pl.lit("rej_"), "trace_id", pl.lit("_"), "span_id", pl.lit("_"), digits).alias("rejected_id"),
        "received_at",
        pl.lit("span").alias("kind"),
        pl.lit("conflicting_duplicate").alias("reason"),
        pl.lit("another span with the same trace_id and span_id, but other content, was kept").alias("detail"),
        *KEY,
        "content_hash",
    )
