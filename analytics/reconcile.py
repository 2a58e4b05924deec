"""A provider's own account of usage and cost beside the lake's, by UTC day and model."""

from collections.abc import Callable
from decimal import Decimal

import polars as pl

from analytics.frames import MONEY_SUM, divide_half_even, from_pico, int128, to_pico
from analytics.reconcile_files import COUNTS
from lake.commit import Transaction
from lake.daily import utc_day
from lake.definitions import quoted
from pricing_tables.names import fold_provider

Resolve = Callable[[str | None, str | None, str | None], str | None]
"""The model of the price book (`provider/model`) that provider, request's and response's model name; None: unknown."""

KEY = ("day", "provider", "model")
MICRO_PERCENT = 10**6
_PERCENT = pl.Decimal(38, 6)


def reconcile(tx: Transaction, theirs: pl.DataFrame, resolve: Resolve, tolerance: Decimal = Decimal(0)) -> pl.DataFrame:
    """A row for every day and model that either side has, sorted; where the file names no model, for every day.

    theirs: `reconcile_files.THEIRS`. Ours are the billable calls of the providers and of the days from the file's first
    to its last. tolerance: percent. Columns: `KEY`; verdict: `ok`, `drift` (a cost, else a count, beyond the
    tolerance), `unpriced` (calls of ours without a price are not in our cost), `only_ours`, `only_theirs`; ours_usd,
    theirs_usd, drift_usd (ours less theirs, Decimal(38, 12)) and drift_pct (of theirs, Decimal(38, 6)); ours_unpriced;
    missing_requests and extra_requests; ours_ and theirs_ of each of COUNTS. NULL: that side does not say.
    """
    by_model = theirs["name"].null_count() < theirs.height
    told = _named(theirs, resolve, by_model=by_model)
    ours = _ours(tx, told, resolve, by_model=by_model)
    both = ours.join(told, on=list(KEY), how="full", coalesce=True, nulls_equal=True)
    both = both.with_columns(pl.col("ours_calls", "ours_unpriced").fill_null(0))
    apart = to_pico(pl.col("ours_usd")).fill_null(0) - to_pico(pl.col("theirs_usd"))
    both = both.with_columns(drift=apart, theirs_pico=to_pico(pl.col("theirs_usd")))
    percent = divide_half_even(
        pl.col("drift") * int128(100 * MICRO_PERCENT), pl.when(pl.col("theirs_pico") > 0).then("theirs_pico")
    )
    gap = pl.col("theirs_requests") - pl.col("ours_requests").fill_null(0)
    return (
        both.with_columns(
            verdict=_verdict(tolerance),
            drift_usd=from_pico(pl.col("drift")),
            drift_pct=(from_pico(percent * int128(10**6))).cast(_PERCENT),
            missing_requests=gap.clip(lower_bound=0),
            extra_requests=(0 - gap).clip(lower_bound=0),
        )
        .select(
            *KEY, "verdict", "ours_usd", "theirs_usd", "drift_usd", "drift_pct", "ours_unpriced", "missing_requests",
            "extra_requests", *(f"{side}_{name}" for name in COUNTS for side in ("ours", "theirs")),
        )
        .sort(KEY, nulls_last=True)
    )  # fmt: skip


def _verdict(tolerance: Decimal) -> pl.Expr:
    """What is to be said of a row; costs decide where the file has them, else counts."""
    limit = int(tolerance * MICRO_PERCENT)

    def beyond(apart: pl.Expr, theirs: pl.Expr) -> pl.Expr:
        return apart.abs() * int128(100 * MICRO_PERCENT) > theirs.abs() * int128(limit)

    counts = pl.any_horizontal(
        beyond(
            (pl.col(f"ours_{name}").fill_null(0) - pl.col(f"theirs_{name}")).cast(pl.Int128),
            pl.col(f"theirs_{name}").cast(pl.Int128),
        ).fill_null(value=False)
        for name in COUNTS
    )
    by_cost = pl.col("theirs_pico").is_not_null()
    drifts = pl.when(by_cost).then(beyond(pl.col("drift"), pl.col("theirs_pico"))).otherwise(counts)
    nothing = pl.all_horizontal(pl.col(f"theirs_{name}").fill_null(0) == 0 for name in COUNTS)
    nothing &= pl.col("theirs_pico").fill_null(0) == 0
    return (
        pl.when(pl.col("told").is_null())
        .then(pl.lit("only_ours"))
        .when((pl.col("ours_calls") == 0) & ~nothing)
        .then(pl.lit("only_theirs"))
        .when(by_cost & (pl.col("ours_unpriced") > 0))
        .then(pl.lit("unpriced"))
        .when(drifts)
        .then(pl.lit("drift"))
        .otherwise(pl.lit("ok"))
    )


def _named(theirs: pl.DataFrame, resolve: Resolve, *, by_model: bool) -> pl.DataFrame:
    """What the file says by KEY, under the price book's names where it knows them; sums of nothing said stay NULL."""
    pairs = theirs.select("provider", "name").unique()
    models = [_model(provider, name, name, resolve) if name else None for provider, name in pairs.iter_rows()]
    folded = pl.Series([fold_provider(provider) for provider in pairs["provider"]], dtype=pl.String)
    named = pairs.with_columns(model=pl.Series(models, dtype=pl.String), folded=folded)
    rows = theirs.join(named, on=["provider", "name"], how="left", nulls_equal=True)
    # a file that names no provider means the one that its model is of
    provider = pl.coalesce("folded", pl.col("model").str.extract(r"^([^/]+)/"))
    rows = rows.with_columns(provider=provider)
    if not by_model:
        rows = rows.with_columns(model=pl.lit(None, pl.String))
    sums = [_sum("cost_usd").alias("theirs_usd"), *(_sum(name).alias(f"theirs_{name}") for name in COUNTS)]
    return rows.group_by(KEY).agg(sums).with_columns(told=pl.lit(value=True))


def _ours(tx: Transaction, told: pl.DataFrame, resolve: Resolve, *, by_model: bool) -> pl.DataFrame:
    """The lake's calls of the same days and providers by KEY. Failed calls that cost nothing are no requests."""
    providers = told["provider"].drop_nulls().unique().to_list()
    everyone = told["provider"].null_count() > 0
    days = told["day"].cast(pl.String)
    first, last = (str(days.min()), str(days.max())) if told.height else ("1970-01-01", "1970-01-01")
    whose = "" if everyone else f"AND provider IN ({', '.join(map(quoted, providers)) or 'NULL'})"
    written = "coalesce(cache_write_5m_tokens, 0) + coalesce(cache_write_1h_tokens, 0)"
    rows = tx.read(f"""
        SELECT {utc_day("occurred_at")} AS day, provider, model AS known, request_model, response_model,
               sum(cost_usd)::DECIMAL(38,12) AS ours_usd,
               count(*)::BIGINT AS ours_calls,
               count(*) FILTER (WHERE status = 'unpriced')::BIGINT AS ours_unpriced,
               count(*) FILTER (WHERE status <> 'zero_rated')::BIGINT AS ours_requests,
               sum(input_tokens)::BIGINT AS ours_input_tokens,
               sum(coalesce(cache_read_tokens, 0))::BIGINT AS ours_cache_read_tokens,
               sum({written})::BIGINT AS ours_cache_write_tokens,
               sum(output_tokens)::BIGINT AS ours_output_tokens
        FROM costs
        WHERE status <> 'aggregate' {whose}
          AND occurred_at >= '{first} 00:00:00+00'::TIMESTAMPTZ
          AND occurred_at < '{last} 00:00:00+00'::TIMESTAMPTZ + INTERVAL 1 DAY
        GROUP BY ALL
    """)
    names = rows.select("provider", "known", "request_model", "response_model").unique()
    models = [
        known or _model(provider, request, response, resolve)
        for provider, known, request, response in names.iter_rows()
    ]
    named = names.with_columns(model=pl.Series(models, dtype=pl.String))
    rows = rows.join(named, on=["provider", "known", "request_model", "response_model"], how="left", nulls_equal=True)
    if not by_model:
        rows = rows.with_columns(model=pl.lit(None, pl.String))
    if everyone and not by_model:
        rows = rows.with_columns(provider=pl.lit(None, pl.String))
    return rows.group_by(KEY).agg(
        _sum("ours_usd").cast(MONEY_SUM), *(_sum(name) for name in ("ours_calls", "ours_unpriced")),
        *(_sum(f"ours_{name}") for name in COUNTS),
    )  # fmt: skip


def _model(provider: str | None, request: str | None, response: str | None, resolve: Resolve) -> str | None:
    found = resolve(provider, request, response)
    sent = response or request
    if found is not None or sent is None:
        return found
    return f"{provider}/{sent}" if provider else sent


def _sum(name: str) -> pl.Expr:
    """A sum that is NULL where nothing is said."""
    return pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()).alias(name)
