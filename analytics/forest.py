"""Trees of spans as plain row numbers, climbed by pointer doubling.

A forest is one Series: for each row the row number of its parent, or null. Every function here takes at most
log2(rows) + 1 steps whatever the data says, so cycles and missing parents cannot hang it, and none of them depends on
the order of the rows.
"""

import polars as pl

from analytics.frames import SPAN_KEY

ROW = pl.UInt32


def parent_rows(spans: pl.DataFrame) -> pl.Series:
    """Row number of each span's parent within its trace, null when there is none or it is not among `spans`.

    spans: trace_id, span_id, parent_span_id; (trace_id, span_id) unique.
    """
    numbered = spans.select(*SPAN_KEY, "parent_span_id").with_row_index("row")
    children = numbered.filter(pl.col("parent_span_id").is_not_null())
    if children.is_empty():
        return pl.Series("parent", [None] * spans.height, dtype=ROW)
    places = numbered.select(*SPAN_KEY, pl.col("row").alias("parent"))
    found = children.join(places, left_on=("trace_id", "parent_span_id"), right_on=SPAN_KEY, how="inner")
    return scattered(spans.height, found["row"], found["parent"])


def nearest(own: pl.Series, parent: pl.Series) -> pl.Series:
    """Each row's own value, else that of its nearest ancestor which has one, else null."""
    state = pl.DataFrame({"value": own, "hop": parent})
    known = pl.col("value").is_not_null()
    state = state.with_columns(hop=pl.when(~known).then(pl.col("hop")))
    for _ in range(len(own).bit_length() + 1):
        if state["hop"].null_count() == state.height:
            break
        # a row that is two jumps away from a known value reads it where the first jump lands
        state = state.with_columns(
            value=pl.coalesce("value", pl.col("value").gather(pl.col("hop"))),
            hop=pl.col("hop").gather(pl.col("hop")),
        ).with_columns(hop=pl.when(~known).then(pl.col("hop")))
    return state["value"].alias(own.name)


def nearest_above(own: pl.Series, parent: pl.Series) -> pl.Series:
    """The value of each row's nearest strict ancestor which has one, else null."""
    return nearest(own, parent).gather(parent)


def below(value: pl.Series, parent: pl.Series) -> pl.Series:
    """Sum of an integer over each row's strict descendants. `parent` must be free of cycles."""
    total = value.cast(pl.Int64)
    hop = parent
    for _ in range(len(value).bit_length() + 1):
        if hop.null_count() == len(hop):
            break
        # every row holds the sum of the descendants nearer than the jump; those just past it arrive with it
        arrived = (
            pl.DataFrame({"hop": hop, "total": total}).drop_nulls("hop").group_by("hop").agg(pl.col("total").sum())
        )
        total = total + scattered(len(value), arrived["hop"], arrived["total"]).fill_null(0)
        hop = hop.gather(hop)
    return total - value.cast(pl.Int64)


def without_cycles(parent: pl.Series) -> pl.Series:
    """The same forest, where rows from which climbing never ends (broken senders) have no parent."""
    hop = parent
    for _ in range(len(parent).bit_length() + 1):
        if hop.null_count() == len(hop):
            return parent
        hop = hop.gather(hop)
    return pl.select(pl.when(hop.is_null()).then(parent).alias(parent.name)).to_series()


def scattered(length: int, rows: pl.Series, values: pl.Series) -> pl.Series:
    """A Series of `length` with `values` at `rows` and null elsewhere."""
    empty = pl.Series(values.name, [None], dtype=values.dtype).new_from_index(0, length)
    return empty.scatter(rows, values) if len(rows) else empty


def connected(rows: int, members: pl.Series, sets: pl.Series) -> pl.Series:
    """Connected components: for each row a row number, the same for rows that share a set, also through others.

    members (row numbers) and sets (any numbers) are pairs: this row is in that set.
    """
    label = pl.int_range(rows, dtype=ROW, eager=True)
    while True:
        seen = pl.DataFrame({"row": members, "label": label.gather(members), "set": sets})
        seen = seen.with_columns(low=pl.col("label").min().over("set"))
        # both the row and the row it pointed to take the smallest label in sight: long chains halve with every round
        lower = (
            pl.concat([seen.select("row", "low"), seen.select(pl.col("label").alias("row"), "low")])
            .group_by("row")
            .agg(pl.col("low").min())
        )
        falling = label.clone().scatter(lower["row"], lower["low"])
        falling = falling.gather(falling)
        if falling.equals(label):
            return label
        label = falling
