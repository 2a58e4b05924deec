"""The calls as they would have been: under other models, with other counts of tokens, with more read from a cache.

Only names and counts change here. What they would have cost is the work of the same pricing as ever.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import TypeVar

import polars as pl

from analytics.frames import divide_half_even, int128

MILLION = 10**6
MOST_TOKENS = 10**15
"""Counts beyond this are no usage of a call, and would overflow on their way."""

_SCALED = (
    "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "reasoning_tokens", "audio_input_tokens",
    "audio_output_tokens", "image_input_tokens", "image_output_tokens",
)  # fmt: skip
_T = TypeVar("_T")


class ScenarioError(ValueError):
    """What is to be assumed makes no sense; the message names what was given."""


@dataclass(frozen=True)
class Scenario:
    """What is assumed of calls; in each list the first pattern that a call's name fits counts.

    A pattern is a name of a model (`provider/model`, or `model` of any provider), in which `*`, `?` and `[...]` stand
    for others. It is compared with the model as charged; where that is unknown, with the names as sent.
    models: pattern and the model instead. tokens: pattern and what all counts of tokens are multiplied with (six
    decimals). cache_hit: pattern and the share of the input tokens that is read from the cache (six decimals).
    """

    models: tuple[tuple[str, str], ...] = ()
    tokens: tuple[tuple[str, Decimal], ...] = ()
    cache_hit: tuple[tuple[str, Decimal], ...] = ()

    def __post_init__(self) -> None:
        for pattern, factor in self.tokens:
            if not 0 < factor <= 1000 or _micro(factor) is None:
                raise ScenarioError(f"tokens {pattern}={factor}: not a ratio above 0, up to 1000, of 6 decimals")
        for pattern, share in self.cache_hit:
            if not 0 <= share <= 1 or _micro(share) is None:
                raise ScenarioError(f"cache hit {pattern}={share}: not a share from 0 to 1, of 6 decimals")
        for pattern, model in self.models:
            if not pattern.strip("/ ") or not model.strip("/ ") or model.endswith("/") or model.startswith("/"):
                raise ScenarioError(f"model {pattern}={model}: write FROM=TO, each a model or provider/model")

    @property
    def patterns(self) -> tuple[str, ...]:
        """All patterns, each once."""
        return tuple(dict.fromkeys(pattern for pattern, _ in (*self.models, *self.tokens, *self.cache_hit)))

    def unmatched(self, names: Sequence[str]) -> list[str]:
        """The patterns that none of the names fits."""
        return [pattern for pattern in self.patterns if not any(fits(pattern, name) for name in names)]


def name_of_call() -> pl.Expr:
    """By which name a call is known to patterns: the model charged, else the provider and the model as sent."""
    sent = pl.concat_str("provider", pl.coalesce("response_model", "request_model"), separator="/", ignore_nulls=True)
    return pl.coalesce("model", pl.when(sent != "").then(sent)).alias("name")


def fits(pattern: str, name: str) -> bool:
    """Whether a pattern means a name (`provider/model`); without a provider it means those of all."""
    wanted, known = pattern.lower(), name.lower()
    return fnmatchcase(known, wanted) or ("/" not in wanted and fnmatchcase(known.partition("/")[2] or known, wanted))


def altered(calls: pl.DataFrame, scenario: Scenario) -> tuple[pl.DataFrame, pl.Series]:
    """The calls as the scenario has them, rows in their order, and which of them it changes (Boolean).

    calls: CALL_SCHEMA and `model`. Counts are rounded half to even, each by itself; an inclusive total is never less
    than its parts. A call under another provider's model has no service tier and no region, since these are its own
    provider's. What a sender says that the call has cost says nothing of a changed call and is left out.
    """
    frame = calls.with_columns(name_of_call())
    frame = frame.with_columns(
        _chosen(frame, scenario.models, lambda model: model, pl.String()).alias("_to"),
        _chosen(frame, scenario.tokens, _micro, pl.Int128()).alias("_factor"),
        _chosen(frame, scenario.cache_hit, _micro, pl.Int128()).alias("_hit"),
    )
    frame = _cached(_scaled(_renamed(frame)))
    same = pl.all_horizontal(pl.lit(calls[name]).eq_missing(pl.col(name)) for name in _CHANGING)
    changed = frame.select(~same).to_series().rename("changed")
    reported = pl.when(~pl.lit(changed)).then("reported_cost_usd")
    return frame.with_columns(reported_cost_usd=reported).select(calls.columns), changed


def _renamed(frame: pl.DataFrame) -> pl.DataFrame:
    """Calls with the names of the model they are to have; the same model again changes nothing."""
    moves = pl.col("_to").is_not_null() & pl.col("_to").str.to_lowercase().ne_missing(pl.col("name"))
    provider = pl.when(pl.col("_to").str.contains("/", literal=True)).then(pl.col("_to").str.extract(r"^([^/]+)/"))
    model = pl.col("_to").str.replace(r"^[^/]+/", "")
    elsewhere = moves & provider.is_not_null() & provider.ne_missing(pl.col("provider"))
    return frame.with_columns(
        pl.when(elsewhere).then(provider).otherwise("provider").alias("provider"),
        *(pl.when(moves).then(model).otherwise(name).alias(name) for name in ("request_model", "response_model")),
        *(pl.when(~elsewhere).then(name).alias(name) for name in ("service_tier", "region")),
    )


def _scaled(frame: pl.DataFrame) -> pl.DataFrame:
    if frame["_factor"].null_count() == frame.height:
        return frame
    scaled = frame.with_columns(
        _times(name, "_factor").alias(name) for name in (*_SCALED, "input_tokens", "output_tokens")
    )
    return scaled.with_columns(
        _at_least("input_tokens", ("cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens")),
        _at_least("output_tokens", ("reasoning_tokens",)),
    ).with_columns(
        _at_least("input_tokens", ("audio_input_tokens", "image_input_tokens")),
        _at_least("output_tokens", ("audio_output_tokens", "image_output_tokens")),
    )


def _cached(frame: pl.DataFrame) -> pl.DataFrame:
    """Calls whose cache reads are the wanted share of their input; what is left bounds what is written to the cache."""
    if frame["_hit"].null_count() == frame.height:
        return frame
    concerned = pl.col("_hit").is_not_null() & pl.col("input_tokens").is_not_null()
    read = divide_half_even(pl.col("input_tokens").cast(pl.Int128) * pl.col("_hit"), int128(MILLION)).cast(pl.Int64)
    # a share of nothing stays what it was: no count at all, or zero
    none = (read == 0) & pl.col("cache_read_tokens").fill_null(0).eq(0)
    frame = frame.with_columns(_read=pl.when(concerned & ~none).then(read).otherwise("cache_read_tokens"))
    left = (pl.col("input_tokens") - pl.col("_read").fill_null(0)).clip(lower_bound=0)
    # the least of a count and nothing would be the other bound
    long = pl.when(pl.col("cache_write_1h_tokens").is_not_null()).then(pl.min_horizontal("cache_write_1h_tokens", left))
    frame = frame.with_columns(_long=long, _left=left)
    rest = pl.col("_left") - pl.col("_long").fill_null(0)
    short = pl.when(pl.col("cache_write_5m_tokens").is_not_null()).then(
        pl.min_horizontal("cache_write_5m_tokens", rest)
    )
    frame = frame.with_columns(_short=short)
    return frame.with_columns(
        cache_read_tokens="_read",
        cache_write_5m_tokens=pl.when(concerned).then("_short").otherwise("cache_write_5m_tokens"),
        cache_write_1h_tokens=pl.when(concerned).then("_long").otherwise("cache_write_1h_tokens"),
    )


_CHANGING = ("provider", "request_model", "response_model", "service_tier", "region", "input_tokens", "output_tokens",
             *_SCALED)  # fmt: skip


def _chosen(
    frame: pl.DataFrame, pairs: Sequence[tuple[str, _T]], value: Callable[[_T], object], dtype: pl.DataType
) -> pl.Expr:
    """The value of the first pattern that each call's name fits; null where none does. Asked once per distinct name."""
    table: dict[str, object] = {}
    if pairs:
        for name in frame["name"].drop_nulls().unique().to_list():
            found = next((given for pattern, given in pairs if fits(pattern, name)), None)
            if found is not None:
                table[name] = value(found)
    if not table:
        return pl.lit(None, dtype)
    keys = pl.Series(list(table), dtype=pl.String)
    return pl.col("name").replace_strict(
        keys, pl.Series(list(table.values()), dtype=dtype), default=None, return_dtype=dtype
    )


def _times(name: str, factor: str) -> pl.Expr:
    count = pl.col(name).cast(pl.Int128)
    product = divide_half_even(count * pl.col(factor), int128(MILLION))
    fits_in = count.abs() < int128(MOST_TOKENS)
    return pl.when(pl.col(factor).is_null()).then(name).when(fits_in).then(product.cast(pl.Int64, strict=False))


def _at_least(total: str, parts: Sequence[str]) -> pl.Expr:
    """The total where it is known, but not less than the sum of its parts; of calls that are scaled."""
    known = pl.col(total).is_not_null() & pl.col("_factor").is_not_null()
    parts_sum = pl.sum_horizontal(pl.col(name).fill_null(0) for name in parts)
    return pl.when(known).then(pl.max_horizontal(total, parts_sum)).otherwise(total).alias(total)


def _micro(number: Decimal) -> int | None:
    """A number in millionths; None where it has finer parts."""
    micro = number * MILLION
    return int(micro) if micro == micro.to_integral_value() else None
