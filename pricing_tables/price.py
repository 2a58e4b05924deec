"""The pricing step: a frame of model calls in, the same frame with exact money out.

Names are resolved once per distinct combination; everything after is column arithmetic in 64-bit pico-dollars. A count
never costs more or less than `count * price` exactly; only prices finer than a pico-dollar are rounded, half to even,
once per component.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal

import polars as pl

from pricing_tables.cards import STANDARD
from pricing_tables.catalog import Catalog

TrustReported = Literal["never", "fallback", "prefer"]

MONEY: Final = pl.Decimal(18, 12)
COMPONENTS: Final = ("input", "cache_read", "cache_write", "output", "other")
MAX_TOKENS: Final = 10**9
MAX_EACH: Final = 10**6
MAX_COST_PICO: Final = 10**18 - 1

_KEYS: Final = ("provider", "request_model", "response_model", "service_tier", "batch")
_TOKENS: Final = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "reasoning_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
    "image_input_tokens",
    "image_output_tokens",
)
_EACH: Final = ("search_requests", "requests")
_STANDARD_TIERS: Final = frozenset({"", "auto", "default", "on_demand", "standard", "standard_only"})
_CONTEXT_OF_TIER: Final[dict[str, str]] = {"batch": "batch", "flex": "flex", "priority": "priority", "fast": "fast"}
_COMPONENT_COUNTS: Final[dict[str, tuple[str, ...]]] = {
    "input": ("input",),
    "cache_read": ("cache_read", "audio_cached", "image_cached"),
    "cache_write": ("write_5m", "write_1h"),
    "output": ("output", "reasoning"),
    "other": ("audio_in", "image_in", "audio_out", "image_out", "search", "request"),
}
_DAY_US: Final = 86_400_000_000
_YOCTO: Final = 10**12

_RESOLVED: Final[dict[str, pl.DataType]] = {
    "provider": pl.String(),
    "request_model": pl.String(),
    "response_model": pl.String(),
    "service_tier": pl.String(),
    "batch": pl.Boolean(),
    "model": pl.String(),
    "match": pl.String(),
    "_card": pl.UInt32(),
    "_unknown": pl.String(),
    "_name_note": pl.String(),
}


def price_calls(calls: pl.DataFrame, catalog: Catalog, *, trust_reported: TrustReported = "fallback") -> pl.DataFrame:
    """Price every call by the rate that was in force when it happened.

    Input: the names, `occurred_at` (Datetime us UTC), the inclusive token counts and unit counts, `usage_source`,
    `failed`, `reported_cost_usd`. Output: the same rows in the same order plus model, match, rate_id, catalog_id,
    rate_note, input/cache_read/cache_write/output/other/cost_usd (Decimal(18,12) US dollars or null) and status:
    priced, zero_rated (a failed call without usage), reported (the sender's figure), unpriced (money null, `rate_note`
    says why). The components sum to `cost_usd` exactly; for a reported cost only `other_cost_usd` is set.
    `trust_reported`: never, fallback (when there is no price of ours) or prefer. A reported 0 is never trusted.
    Errors: none for data; a missing column raises `polars.exceptions.ColumnNotFoundError`.
    """
    frame = _with_prices(calls, _resolve(calls, catalog), catalog)
    frame = frame.with_columns(_counts()).with_columns(_billed()).with_columns(_remainders())
    frame = frame.with_columns(_problem().alias("_problem"))
    frame = frame.with_columns(**_pico(frame))
    frame = frame.with_columns(_cost=pl.sum_horizontal([f"_c_{name}" for name in COMPONENTS]))
    frame = frame.with_columns(
        _problem=pl.coalesce("_problem", pl.when(pl.col("_cost") > MAX_COST_PICO).then(pl.lit("cost out of range")))
    )
    return _outcome(frame, catalog, trust_reported).select(
        *calls.columns,
        *("model", "match", "rate_id", "catalog_id", "rate_note"),
        *(f"{name}_cost_usd" for name in COMPONENTS),
        *("cost_usd", "status"),
    )


def _resolve(calls: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """One row per distinct names: the canonical model and the card whose prices apply, or why there is none."""
    rows = []
    for row in calls.select(_KEYS).unique().iter_rows():
        provider, request_model, response_model, service_tier, batch = row
        found = catalog.resolver.resolve(provider, request_model, response_model)
        card, note = None, found.note
        unknown = found.note if found.model is None else None
        if found.rated_as is not None:
            context, tier_note = _context(service_tier, batch)
            card = catalog.cards.index.get((found.rated_as, context))
            if card is None:
                card = catalog.cards.index[found.rated_as, STANDARD]
                tier_note = tier_note or f"standard rate used: no {context} rate"
            note = _join_notes(found.note, tier_note)
        rows.append((*row, found.model, found.match, card, unknown, None if unknown else note))
    return pl.DataFrame(rows, schema=_RESOLVED, orient="row")


def _context(service_tier: str | None, batch: bool | None) -> tuple[str, str | None]:
    """Which kind of price a call asks for, and what must be said when it cannot be had."""
    tier = (service_tier or "").strip().lower().removeprefix("service_tier_")
    if batch:
        ignored = tier not in _STANDARD_TIERS and tier != "batch"
        return "batch", f"batch rate used: no batch rate for service tier {tier}" if ignored else None
    if tier in _STANDARD_TIERS:
        return STANDARD, None
    known = _CONTEXT_OF_TIER.get(tier)
    return (known, None) if known else (STANDARD, f"standard rate used: unknown service tier {tier}")


def _join_notes(*notes: str | None) -> str | None:
    return "; ".join(note for note in notes if note) or None


def _with_prices(calls: pl.DataFrame, resolved: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """Attach the prices in force: the card's cell at the call's time and total input."""
    book = catalog.cards
    cards = book.cards.filter(pl.col("card").is_in(resolved["_card"].drop_nulls().unique().implode()))
    edges: dict[str, list[str]] = {}
    for axis in ("day", "clock", "tier"):
        width = cards.get_column(f"{axis}_edges").list.len().max()
        edges[axis] = [f"_{axis}{step}" for step in range(width if isinstance(width, int) else 0)]
        cards = cards.with_columns(
            pl.col(f"{axis}_edges").list.get(step, null_on_oob=True).alias(name)
            for step, name in enumerate(edges[axis])
        )
    resolved = resolved.join(cards, left_on="_card", right_on="card", how="left")
    frame = calls.join(resolved, on=list(_KEYS), how="left", nulls_equal=True, maintain_order="left")
    moment = pl.col("occurred_at").dt.epoch("us")
    cell = (
        pl.col("base")
        + _passed(moment, edges["day"]) * pl.col("steps_day")
        + _passed(moment % _DAY_US, edges["clock"]) * pl.col("steps_clock")
        + _passed(pl.col("input_tokens").fill_null(0), edges["tier"])
    )
    # A call without a time cannot be dated: the price of the beginning would be a guess.
    cell = pl.when(pl.col("occurred_at").is_not_null()).then(cell)
    position = frame.select(cell.alias("cell")).to_series()
    return frame.hstack(book.cells.select(pl.all().gather(position)))


def _passed(value: pl.Expr, edges: list[str]) -> pl.Expr:
    """How many of a card's edges (inclusive, ascending, null = none) a value has reached."""
    if not edges:
        return pl.lit(0, dtype=pl.Int64)
    return pl.sum_horizontal((value >= pl.col(edge)).fill_null(value=False).cast(pl.Int64) for edge in edges)


def _counts() -> list[pl.Expr]:
    """Counts as numbers: absent is 0, but a request is one request."""
    counts = [pl.col(name).fill_null(0).alias(f"_{name}") for name in (*_TOKENS, "search_requests")]
    return [*counts, pl.col("requests").fill_null(1).alias("_requests")]


def _billed() -> list[pl.Expr]:
    """Audio, image and reasoning counts that the rate bills apart, and the part of them that was read from the cache.

    Telemetry counts cached audio under both audio and cache without saying how much: it is at least the excess of all
    subsets over the total.
    """
    cached = pl.col("_cache_read_tokens") + pl.col("_cache_write_5m_tokens") + pl.col("_cache_write_1h_tokens")
    audio = pl.when("audio_in_apart").then("_audio_input_tokens").otherwise(0)
    image = pl.when("image_in_apart").then("_image_input_tokens").otherwise(0)
    excess = (audio + image + cached - pl.col("_input_tokens")).clip(lower_bound=0)
    audio_cached = pl.min_horizontal(excess, audio, "_cache_read_tokens")
    image_cached = pl.min_horizontal(excess - audio_cached, image, pl.col("_cache_read_tokens") - audio_cached)
    return [
        cached.alias("_cached"),
        (audio - audio_cached).alias("_n_audio_in"),
        (image - image_cached).alias("_n_image_in"),
        audio_cached.alias("_n_audio_cached"),
        image_cached.alias("_n_image_cached"),
        pl.when("audio_out_apart").then("_audio_output_tokens").otherwise(0).alias("_n_audio_out"),
        pl.when("image_out_apart").then("_image_output_tokens").otherwise(0).alias("_n_image_out"),
        pl.when("reasoning_apart").then("_reasoning_tokens").otherwise(0).alias("_n_reasoning"),
    ]


def _remainders() -> list[pl.Expr]:
    """What is left of the totals once everything billed apart is taken out; negative = invalid usage."""
    return [
        (pl.col("_input_tokens") - pl.col("_cached") - pl.col("_n_audio_in") - pl.col("_n_image_in")).alias("_n_input"),
        (pl.col("_cache_read_tokens") - pl.col("_n_audio_cached") - pl.col("_n_image_cached")).alias("_n_cache_read"),
        pl.col("_cache_write_5m_tokens").alias("_n_write_5m"),
        pl.col("_cache_write_1h_tokens").alias("_n_write_1h"),
        (
            pl.col("_output_tokens") - pl.col("_n_reasoning") - pl.col("_n_audio_out") - pl.col("_n_image_out")
        ).alias("_n_output"),
        pl.col("_search_requests").alias("_n_search"),
        pl.col("_requests").alias("_n_request"),
    ]


def _problem() -> pl.Expr:
    """The first reason why a call has no price of ours, else null."""
    counts = [pl.col(name) for name in (*_TOKENS, *_EACH)]
    per_request = pl.col("p_request").is_not_null() & pl.col("p_input").is_null() & pl.col("requests").is_not_null()
    no_counts = pl.all_horizontal(pl.col(name).is_null() for name in (*_TOKENS, "search_requests")) & ~per_request
    negative = pl.any_horizontal(count < 0 for count in counts)
    huge = pl.any_horizontal(
        *(pl.col(name) > MAX_TOKENS for name in _TOKENS), *(pl.col(name) > MAX_EACH for name in _EACH)
    )
    has_input, has_output = pl.col("p_input").is_not_null(), pl.col("p_output").is_not_null()
    # A search or a rerank is billed by itself; it need not count tokens.
    per_search = pl.all_horizontal(pl.col(name).is_null() for name in _TOKENS) & (pl.col("_n_search") > 0)
    input_apart = pl.col("audio_in_apart") | pl.col("image_in_apart")
    output_apart = pl.col("audio_out_apart") | pl.col("image_out_apart")
    checks: list[tuple[pl.Expr, str | pl.Expr]] = [
        ((pl.col("usage_source") == "missing") | no_counts, "no usage"),
        (pl.col("_unknown").is_not_null(), pl.col("_unknown")),
        (pl.col("occurred_at").is_null(), "no time"),
        (negative, "invalid usage: a negative count"),
        (huge, "invalid usage: a count out of range"),
        (pl.col("blocked").is_not_null(), pl.col("blocked")),
        (has_input & pl.col("input_tokens").is_null() & ~per_search, "input tokens not reported"),
        (has_output & pl.col("output_tokens").is_null() & ~per_search, "output tokens not reported"),
        (pl.col("_cached") > pl.col("_input_tokens"), "invalid usage: cached tokens exceed input tokens"),
        (pl.col("_n_input") < 0, "invalid usage: parts of the input exceed input tokens"),
        (pl.col("_n_output") < 0, "invalid usage: parts of the output exceed output tokens"),
        (~has_input & input_apart & (pl.col("_n_input") + pl.col("_cached") > 0), "no rate for text input tokens"),
        (~has_output & output_apart & (pl.col("_n_output") > 0), "no rate for text output tokens"),
        (pl.col("p_search").is_null() & (pl.col("_n_search") > 0), "no rate for search requests"),
    ]
    reasons = [pl.when(holds).then(pl.lit(text) if isinstance(text, str) else text) for holds, text in checks]
    return pl.coalesce(reasons)


def _pico(frame: pl.DataFrame) -> dict[str, pl.Expr]:
    """Each component in whole pico-dollars (Int64), only where there is no problem."""
    valid = pl.col("_problem").is_null()
    components = {}
    for name, counts in _COMPONENT_COUNTS.items():
        whole = pl.sum_horizontal(pl.col(f"_n_{count}") * pl.col(f"p_{count}").fill_null(0) for count in counts)
        fine = [count for count in counts if (frame[f"r_{count}"] != 0).any()]
        if fine:
            whole = whole + _half_even(
                pl.sum_horizontal(
                    pl.col(f"_n_{count}").cast(pl.Int128) * pl.col(f"r_{count}").fill_null(0) for count in fine
                ),
                whole,
            )
        components[f"_c_{name}"] = pl.when(valid).then(whole)
    return components


def _half_even(rest: pl.Expr, whole: pl.Expr) -> pl.Expr:
    """`rest` (1e-24 dollars, not negative) in pico-dollars, rounded half to even of the sum `whole + rest`."""
    quotient = rest // _YOCTO
    twice = (rest - quotient * _YOCTO) * 2
    odd = (whole + quotient.cast(pl.Int64)) % 2 == 1
    up = (twice > _YOCTO) | ((twice == _YOCTO) & odd)
    return quotient.cast(pl.Int64) + up.cast(pl.Int64)


def _outcome(frame: pl.DataFrame, catalog: Catalog, trust_reported: TrustReported) -> pl.DataFrame:
    """Status, note and money from what was found."""
    problem, reported = pl.col("_problem"), pl.col("reported_cost_usd")
    trusted = reported.is_not_null() & (reported > 0)
    no_tokens = pl.all_horizontal(pl.col(name).fill_null(0) == 0 for name in (*_TOKENS, "search_requests"))
    free_failure = pl.col("failed").fill_null(value=False) & ((pl.col("usage_source") == "missing") | no_tokens)
    use_reported = {
        "never": pl.lit(value=False),
        "fallback": trusted & problem.is_not_null() & ~free_failure,
        "prefer": trusted,
    }[trust_reported]
    status = (
        pl.when(use_reported)
        .then(pl.lit("reported"))
        .when(free_failure)
        .then(pl.lit("zero_rated"))
        .when(problem.is_not_null())
        .then(pl.lit("unpriced"))
        .otherwise(pl.lit("priced"))
    )
    frame = frame.with_columns(status.alias("status"))
    priced = pl.col("status") == "priced"
    free = pl.col("status") == "zero_rated"
    by_sender = pl.col("status") == "reported"
    money = {
        f"{name}_cost_usd": pl.when(priced).then(_dollars(pl.col(f"_c_{name}"))).when(free).then(_zero())
        for name in COMPONENTS
    }
    money["other_cost_usd"] = pl.when(by_sender).then(reported.cast(MONEY)).otherwise(money["other_cost_usd"])
    cost = pl.when(priced).then(_dollars(pl.col("_cost"))).when(free).then(_zero())
    return frame.with_columns(
        **money,
        cost_usd=pl.when(by_sender).then(reported.cast(MONEY)).otherwise(cost),
        rate_id=pl.when(priced).then("rate_id"),
        catalog_id=pl.when(priced).then(pl.lit(catalog.catalog_id)),
        rate_note=_note(priced, free, by_sender),
    )


def _note(priced: pl.Expr, free: pl.Expr, by_sender: pl.Expr) -> pl.Expr:
    """What a reader of the row must know: why it has no price, or which price was missing."""
    cached = pl.when(pl.col("cache_read_standard") & (pl.col("_n_cache_read") > 0))
    written = pl.when(pl.col("cache_write_standard") & (pl.col("_n_write_5m") + pl.col("_n_write_1h") > 0))
    special = pl.concat_str(
        pl.col("_name_note"),
        pl.col("context_note"),
        cached.then(pl.lit("standard rate used for cache reads")),
        written.then(pl.lit("standard rate used for cache writes")),
        separator="; ",
        ignore_nulls=True,
    )
    ours = pl.coalesce("_problem", pl.lit("preferred to our own price"))
    return (
        pl.when(free)
        .then(pl.lit("failed call"))
        .when(by_sender)
        .then(pl.concat_str(pl.lit("reported cost used: "), ours))
        .when(priced)
        .then(pl.when(special != "").then(special))
        .otherwise(pl.col("_problem"))
    )


def _dollars(pico: pl.Expr) -> pl.Expr:
    scale = pl.lit(Decimal("0.000000000001"), dtype=pl.Decimal(13, 12))
    return (pico.cast(pl.Decimal(38, 0)) * scale).cast(MONEY)


def _zero() -> pl.Expr:
    return pl.lit(Decimal(0), dtype=MONEY)


