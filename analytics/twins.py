"""Two instrumentations that saw one call: found by the provider's response id, in any trace, or by likeness within one.
Likeness across traces is in `analytics.apart`.

Works on groups (see `analytics.nesting`): rows of one group are one call already, twins join groups into one.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta

import polars as pl

from analytics.forest import ROW, connected
from analytics.frames import SPAN_KEY
from analytics.intervals import crowd, overlapping
from analytics.nesting import IS_AGGREGATE
from analytics.richness import has_note

TWIN_WINDOW = timedelta(days=1)
"""Calls with one response id belong together while no more than this lies between one and the next."""

MIN_ID_LENGTH = 16
MIN_NATIVE_LENGTH = 8
"""Shorter ids, or rests of ids whose form says whose they are, come round again: `chatcmpl-42` of local servers."""

CROWD = 256
"""Among more equal calls at once than this, likeness proves nothing."""

ROUNDS = 64
"""Real traffic needs one or two rounds of joining; this ends what was made to need thousands."""

SYNTHETIC_ID = r"^(lc_)?run-|0{12}|^test|^mock"
"""Ids that frameworks make up, or fill in: not the provider's."""

_OPENAI_FORM = r"^(chatcmpl-|cmpl-|resp_)"
_NATIVE = (("anthropic", r"^msg_"), ("openai", _OPENAI_FORM))
_OTHER_FORMS = ("anthropic", "aws", "google")
"""Providers whose own ids never have OpenAI's form."""

MODELS = pl.concat_list(
    pl.col(name).str.to_lowercase() for name in ("model", "request_model", "response_model")
).list.drop_nulls()
"""All names that a call has for its model."""


def response_key() -> pl.Expr:
    """The provider-namespaced response id as 'namespace:id', null where the id cannot identify a call.

    Reads response_id and provider. An id whose form says whose it is counts as theirs whoever resold the call, so that
    the same answer seen as `azure` and as `openai` is one.
    """
    response_id = pl.col("response_id").str.strip_chars()
    native = pl.any_horizontal(response_id.str.contains(pattern) for _, pattern in _NATIVE)
    rest = response_id.str.replace(r"^[a-z]+[-_]", "").str.len_bytes()
    long = pl.when(native).then(rest >= MIN_NATIVE_LENGTH).otherwise(response_id.str.len_bytes() >= MIN_ID_LENGTH)
    usable = long & ~response_id.str.contains(SYNTHETIC_ID)
    namespace = pl.col("provider").fill_null("")
    for name, pattern in reversed(_NATIVE):
        namespace = pl.when(response_id.str.contains(pattern)).then(pl.lit(name)).otherwise(namespace)
    return pl.when(usable).then(pl.concat_str(namespace, pl.lit(":"), response_id))


def has_own_id() -> pl.Expr:
    """Whether a call names the answer by its provider's id, rather than by none or one that a gateway made up.

    Reads response_id and provider. LiteLLM gives every answer an id of OpenAI's form.
    """
    reshaped = pl.col("response_id").str.contains(_OPENAI_FORM) & pl.col("provider").is_in(_OTHER_FORMS)
    return response_key().is_not_null() & ~reshaped.fill_null(False)


def response_ids(calls: pl.DataFrame) -> pl.Series:
    """The response ids (as stored) by which twins of these calls can be found. calls: response_id, provider."""
    return calls.filter(response_key().is_not_null())["response_id"].unique()


def shared_responses(calls: pl.DataFrame, window: timedelta = TWIN_WINDOW) -> pl.Series:
    """A number per call, equal for calls that share a response, null for those that share none. In the order of rows.

    calls: response_id, provider, occurred_at. Calls further apart than `window` from the next with the same id are not
    the same response.
    """
    keyed = calls.select(response_key().alias("key"), "occurred_at").with_row_index("at")
    keyed = keyed.filter(pl.col("key").is_not_null())
    keyed = keyed.filter(pl.col("key").is_duplicated())
    if keyed.is_empty():
        return pl.Series("response", [None] * calls.height, dtype=ROW)
    far = pl.col("occurred_at").diff().over("key") > window
    first = pl.col("key").ne_missing(pl.col("key").shift())
    keyed = keyed.sort("key", "occurred_at").with_columns(response=(first | far.fill_null(False)).cum_sum().cast(ROW))
    keyed = keyed.filter(pl.col("response").is_duplicated())
    numbered = calls.select(pl.int_range(pl.len(), dtype=ROW).alias("at"))
    return numbered.join(keyed, on="at", how="left", maintain_order="left")["response"]


def join_by_response(frame: pl.DataFrame) -> pl.DataFrame:
    """Add `component` (row number|null): groups that share a response are one component.

    frame: group (row number|null), response (number|null).
    """
    frame = frame.with_columns(component=pl.col("group"))
    links = frame.filter(pl.col("response").is_not_null() & pl.col("group").is_not_null())
    if links.is_empty():
        return frame
    edges = links.select("group", "response").unique()
    found = connected(frame.height, edges["group"], edges["response"])
    labels = pl.DataFrame({"group": edges["group"], "label": found.gather(edges["group"])}).unique()
    return _relabelled(frame, labels)


def join_pairs(frame: pl.DataFrame, find: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.DataFrame:
    """Join components pair by pair, the closest first, until `find` finds no more; sets Boolean `alike` where it does.

    frame: component (row number|null), alike, and what `find` reads. find: component, component_b, pair, order of
    components that may be joined; order: a total one, the closest first.
    """
    for _ in range(ROUNDS):
        pairs = find(frame)
        if pairs.is_empty():
            break
        # the closest pair of all is the best of both its sides, so every round joins at least one
        ends = pl.concat(
            [pairs.select("pair", pl.col(side).alias("component"), "order") for side in ("component", "component_b")]
        )
        best = ends.group_by("component").agg(pl.col("order").min())
        mutual = pairs.join(best, on=["component", "order"]).join(
            best, left_on=["component_b", "order"], right_on=["component", "order"]
        )
        merged = mutual.select(
            pl.max_horizontal("component", "component_b").alias("component"),
            pl.min_horizontal("component", "component_b").alias("label"),
        )
        joined = pl.concat([merged["component"], merged["label"]]).unique()
        frame = frame.with_columns(alike=pl.col("alike") | pl.col("component").is_in(joined.implode()).fill_null(False))
        frame = _relabelled(frame, merged.rename({"component": "group"}), on="component")
    return frame


def _relabelled(frame: pl.DataFrame, labels: pl.DataFrame, on: str = "group") -> pl.DataFrame:
    renamed = labels.rename({"group": on})
    return (
        frame.join(renamed, on=on, how="left", maintain_order="left")
        .with_columns(component=pl.coalesce("label", "component"))
        .drop("label")
    )


def alike_pairs(frame: pl.DataFrame) -> pl.DataFrame:
    """Pairs within a trace that look like one call seen by two instrumentation scopes, for `join_pairs`.

    frame: trace_id, span_id, scope_name, occurred_at, duration_ns, response_id, provider, request_model,
    response_model, model, role, usage_source, input_tokens, output_tokens, component.

    Alike: same trace, other scope, overlapping time, equal input tokens, output tokens within 1, a model in common,
    and not both with a response id of their own. Two calls of one scope never come together.
    """
    start = pl.col("occurred_at").dt.epoch("us")
    bucket = ("trace_id", "input_tokens")
    calls = frame.filter(
        pl.col("component").is_not_null(),
        ~IS_AGGREGATE,
        pl.col("usage_source") != "missing",
        pl.col("input_tokens") > 0,
    )
    calls = calls.filter((pl.len().over(bucket) > 1) & (pl.col("component").n_unique().over(bucket) > 1))
    calls = calls.filter(pl.col("scope_name").fill_null("").n_unique().over(bucket) > 1)
    if calls.is_empty():
        return pl.DataFrame()
    calls = calls.select(
        *SPAN_KEY, "component", "input_tokens",
        pl.col("scope_name").fill_null("").alias("scope"),
        pl.col("output_tokens").fill_null(0).alias("output"),
        has_own_id().alias("known"),
        MODELS.alias("models"),
        start.alias("start"),
        (start + pl.col("duration_ns").fill_null(0) // 1000).alias("end"),
    )  # fmt: skip
    calls = calls.filter(crowd(calls, bucket) <= CROWD)
    pairs = overlapping(calls, bucket).filter(
        # each pair once, told apart by what does not depend on the order of rows
        pl.col("span_id") < pl.col("span_id_b"),
        pl.col("component") != pl.col("component_b"),
        pl.col("scope") != pl.col("scope_b"),
        (pl.col("output") - pl.col("output_b")).abs() <= 1,
        ~(pl.col("known") & pl.col("known_b")),
        pl.col("models").list.set_intersection(pl.col("models_b")).list.len() > 0,
    )
    if pairs.is_empty():
        return pl.DataFrame()
    members = frame.filter(pl.col("component").is_not_null(), ~has_note("stream_request")).select(
        "component", "trace_id", pl.col("scope_name").fill_null("").alias("scope")
    )
    return ordered(apart(pairs.with_row_index("pair"), members, ["trace_id", "scope"]))


def apart(pairs: pl.DataFrame, members: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Leave out pairs of components that both hold a member equal in the `by` columns: those are different calls.

    pairs: pair (number), component, component_b. members: component and the `by` columns.
    """
    sides = [
        pairs.select("pair", pl.col(side).alias("component")).join(members, on="component").drop("component")
        for side in ("component", "component_b")
    ]
    clashing = sides[0].join(sides[1], on=["pair", *by], how="semi")
    return pairs.join(clashing, on="pair", how="anti")


def ordered(pairs: pl.DataFrame) -> pl.DataFrame:
    """pair, order, component, component_b: the closest in time first, whatever the order of rows."""
    distance = (pl.col("start") - pl.col("start_b")).abs() + (pl.col("end") - pl.col("end_b")).abs()
    return (
        pairs.with_columns(distance=distance)
        .sort("distance", *SPAN_KEY, *(f"{name}_b" for name in SPAN_KEY))
        .with_row_index("order")
        .select("pair", "order", "component", "component_b")
    )
