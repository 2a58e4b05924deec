"""Which call spans of one trace repeat others, told by who is inside whom.

Works on the forest of call rows: the parent of a call row is its nearest ancestor span that is a call row too, through
any number of other spans. See docs/linking.md for the rules in prose.
"""

import polars as pl

from analytics.forest import ROW, below, nearest, nearest_above, parent_rows, without_cycles
from analytics.frames import SPAN_KEY
from analytics.intervals import started_within, within
from analytics.richness import has_note, richest_first

IS_AGGREGATE = pl.col("role") == "aggregate"

CROWD = 1000
"""Beyond so many calls at once they are not looked at one by one."""


def nest(calls: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    """Decide nested calls and aggregates. Adds `why` (String|null) and `group` (row number|null).

    calls: the frame that `settle` prepared, with `row` = 0..n-1 in order and Boolean `bears` (usage is known here, or
    known from a twin). spans: trace_id, span_id, parent_span_id of (at least) the traces of the calls.

    why: 'descendant' (an aggregate: calls below it report the usage), 'nested' (the same call as one above or below),
    'no_usage' (an aggregate that reports nothing), null (still counts).
    group: rows with one group are one call; null for aggregates of several calls.
    """
    forest = _call_forest(calls, spans)
    frame = _unless_outdone(calls.with_columns(forest))
    frame = frame.with_columns(
        bearing_below=below(frame["bears"].cast(pl.Int64), frame["up"]),
        calls_below=below(_one_if(frame, ~IS_AGGREGATE & ~_is_harmless()), frame["up"]),
    )
    frame = frame.with_columns(
        why=pl.when(IS_AGGREGATE & (pl.col("bearing_below") > 0))
        .then(pl.lit("descendant"))
        .when(IS_AGGREGATE & ~pl.col("bears") & (pl.col("calls_below") > 0))
        .then(pl.lit("descendant"))
        .when(IS_AGGREGATE & ~pl.col("bears"))
        .then(pl.lit("no_usage"))
    )
    frame = _waiting_aggregates(frame)
    frame = _one_call_chains(frame)
    return _calls_without_usage(frame).drop(
        "up", "fragment", "bearing_below", "calls_below", "leaf", "leaves", "leaf_row", "stands_above", "group_above"
    )


def _unless_outdone(frame: pl.DataFrame) -> pl.DataFrame:
    """Estimated usage bears nothing inside or around usage that was reported: a guess displaces no figure."""
    estimated = pl.col("usage_source") == "estimated"
    figures = frame.select(pl.when(pl.col("bears") & ~estimated).then(pl.lit(True)).alias("figure")).to_series()
    inside = below(figures.fill_null(False).cast(pl.Int64), frame["up"])
    outdone = (inside > 0) | nearest_above(figures, frame["up"]).fill_null(False)
    return frame.with_columns(bears=pl.col("bears") & ~(estimated.fill_null(False) & outdone))


def _is_harmless() -> pl.Expr:
    """A failed call that cost nothing: it neither repeats a call nor stands for one."""
    return ~pl.col("bears") & (pl.col("status") == "zero_rated")


def _one_if(frame: pl.DataFrame, condition: pl.Expr) -> pl.Series:
    return frame.select(condition.cast(pl.Int64).alias("one")).to_series()


def _call_forest(calls: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    """up: row of the nearest call row above. fragment: the missing span that ends the climb from here, else null."""
    crowded = calls.filter(pl.len().over("trace_id") > 1).select("row", *SPAN_KEY, "parent_span_id")
    if crowded.is_empty():
        return pl.DataFrame(schema={"up": ROW, "fragment": pl.String}).clear(calls.height)
    others = (
        spans.select(*SPAN_KEY, "parent_span_id")
        .join(crowded.select("trace_id").unique(), on="trace_id", how="semi")
        .join(crowded, on=SPAN_KEY, how="anti")
    )
    nodes = pl.concat([crowded, others], how="diagonal")
    parent = parent_rows(nodes)
    # the empty string marks a root: its fragment is complete, and nothing above it may answer
    ends = nodes.select(
        pl.when(parent.is_null()).then(pl.col("parent_span_id").fill_null("")).alias("fragment")
    ).to_series()
    found = nodes.with_columns(nearest_above(nodes["row"], parent).alias("up"), nearest(ends, parent))
    found = found.filter(pl.col("row").is_not_null()).select(
        "row", "up", pl.when(pl.col("fragment") != "").then(pl.col("fragment")).alias("fragment")
    )
    placed = calls.select("row").join(found, on="row", how="left", maintain_order="left")
    return placed.select(without_cycles(placed["up"].cast(ROW)), "fragment")


def _waiting_aggregates(frame: pl.DataFrame) -> pl.DataFrame:
    """Aggregates whose calls cannot be climbed from yet: a call within its time with a broken chain is one of its own.

    Two spans that hang below the same missing span are not inside each other, so their fragment tells them apart. An
    agent during which more than CROWD calls of unknown parentage started is taken to own one of them.
    """
    start = pl.col("occurred_at").dt.epoch("us")
    spans = frame.filter(pl.col("bears") & (pl.col("bearing_below") == 0)).select(
        "row", "trace_id", "fragment", IS_AGGREGATE.alias("aggregate"),
        start.alias("start"), (start + pl.col("duration_ns").fill_null(0) // 1000).alias("end"),
    )  # fmt: skip
    outer = spans.filter("aggregate")
    # microseconds cut off nanoseconds: a call may seem to end one later than what contains it
    inner = spans.filter(~pl.col("aggregate") & pl.col("fragment").is_not_null()).with_columns(
        end=pl.max_horizontal("start", pl.col("end") - 1)
    )
    fragments = inner.group_by("trace_id").agg(pl.col("fragment").n_unique().alias("n"), other=pl.col("fragment").min())
    stranger = (pl.col("n") > 1) | pl.col("fragment").ne_missing(pl.col("other"))
    outer = outer.join(fragments, on="trace_id").filter(stranger)
    if outer.is_empty():
        return frame
    crowded = started_within(outer, inner, ["trace_id"]) > CROWD
    owning = within(outer.filter(~crowded), inner, ["trace_id"]).filter(
        pl.col("fragment").ne_missing(pl.col("fragment_inner"))
    )
    waiting = pl.concat([owning["row"], outer.filter(crowded)["row"]]).unique()
    return frame.with_columns(
        why=pl.when(pl.col("row").is_in(waiting.implode())).then(pl.lit("descendant")).otherwise("why")
    )


def _one_call_chains(frame: pl.DataFrame) -> pl.DataFrame:
    """Calls around exactly one innermost call are that call: the richest counts. Around several: an aggregate."""
    standing = pl.col("bears") & pl.col("why").is_null()
    flags = frame.select(standing.alias("standing")).to_series()
    inside = below(flags.cast(pl.Int64), frame["up"])
    frame = frame.with_columns(leaf=flags & (inside == 0))
    leaf_rows = _one_if(frame, pl.col("leaf")) * frame["row"].cast(pl.Int64)
    frame = frame.with_columns(
        leaves=below(frame["leaf"].cast(pl.Int64), frame["up"]),
        # the sum over one leaf is that leaf's own row
        leaf_row=below(leaf_rows, frame["up"]),
    )
    frame = frame.with_columns(
        why=pl.when(flags & (pl.col("leaves") > 1)).then(pl.lit("descendant")).otherwise("why"),
        group=pl.when(flags & (pl.col("leaves") == 1))
        .then(pl.col("leaf_row"))
        .when(pl.col("why").is_null() & ~(flags & (pl.col("leaves") > 1)))
        .then(pl.col("row"))
        .cast(ROW),
    )
    chained = frame.filter(pl.col("group").is_duplicated() & pl.col("group").is_not_null())
    if chained.is_empty():
        return frame
    richest = richest_first(chained).unique("group", keep="first", maintain_order=True)
    poorer = chained.join(richest, on="row", how="anti")["row"]
    return frame.with_columns(
        why=pl.when(pl.col("row").is_in(poorer.implode())).then(pl.lit("nested")).otherwise("why")
    )


def _calls_without_usage(frame: pl.DataFrame) -> pl.DataFrame:
    """Calls that know no usage, inside or around a call that does (or around one like them): the same call again."""
    silent = frame.select((~pl.col("bears") & ~IS_AGGREGATE).alias("silent")).to_series()
    if not silent.any():
        return frame.with_columns(stands_above=pl.lit(None, pl.Boolean), group_above=pl.lit(None, ROW))
    standing = pl.col("bears") & pl.col("why").ne_missing("descendant")
    above = frame.select(
        pl.when(standing).then(pl.col("leaf")).alias("stands_above"),
        pl.when(standing & pl.col("leaf")).then(pl.col("group")).alias("group_above"),
    )
    frame = frame.with_columns(nearest_above(column, frame["up"]) for column in above)
    repeats = silent & (
        (pl.col("bearing_below") > 0)
        | ((pl.col("calls_below") > 0) & ~_is_harmless())
        | (pl.col("stands_above").fill_null(False) & ~_is_harmless())
    )
    return frame.with_columns(
        why=pl.when(repeats).then(pl.lit("nested")).otherwise("why"),
        # through a stream's request its record, in another trace maybe, finds the call that the request repeats
        group=pl.when(~repeats)
        .then(pl.col("group"))
        .when(has_note("stream_request"))
        .then(pl.when(pl.col("leaves") == 1).then(pl.col("leaf_row")).otherwise("group_above"))
        .cast(ROW),
    )
