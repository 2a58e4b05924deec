"""Every recorded request taken the whole way, as live, and held against what the provider was told to answer.

Nothing is excused by name: only what the recording's `derivation` says the wire lost may be missing, and then the row
must say that it is unknown.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from analytics.inherit import inherit, inherit_calls, inherit_signals
from analytics.settle import settle
from marginlake.config import Config
from marginlake.pipeline import prepare
from marginlake.rules import Rules, rules_from
from pricing_tables.price import price_calls
from receiver.dialects.providers import fold_provider
from receiver.dialects.schema import CALL_SCHEMA
from receiver.journal.record import Kind, Record

FOLDER = Path(__file__).parents[1] / "data" / "dialects"
CAPTURES = sorted(path.stem for path in FOLDER.glob("*.pb"))

Row = dict[str, Any]

_KEY = ["trace_id", "span_id"]
_CACHE = ("uncached", "cache_read", "cache_write", "w5m", "w1h")
_NOTES = {
    "cache_unknown": _CACHE,
    "cache_write_unknown": _CACHE,
    "cached_input_lost": _CACHE,
    "ttl_assumed": ("w5m", "w1h"),
    "audio_unknown": ("audio_in", "audio_out"),
    "input_missing": _CACHE,
    "output_missing": ("output",),
}
"""Note of a row -> the figures of which it says that they are unknown."""

_TRUTH = {
    "uncached": lambda call: call["input_uncached_tokens"],
    "cache_read": lambda call: call["cache_read_tokens"],
    "cache_write": lambda call: call["cache_write_5m_tokens"] + call["cache_write_1h_tokens"],
    "w5m": lambda call: call["cache_write_5m_tokens"],
    "w1h": lambda call: call["cache_write_1h_tokens"],
    "output": lambda call: call["output_tokens_incl_reasoning"],
    "reasoning": lambda call: call["reasoning_tokens"],
    "audio_in": lambda call: call["input_audio_tokens"],
    "audio_out": lambda call: call["output_audio_tokens"],
    "image_in": lambda call: call["input_image_tokens"],
    "searches": lambda call: call["web_search_requests"],
}  # fmt: skip
_OURS: dict[str, Callable[[Row], int]] = {
    "uncached": lambda row: _n(row, "input") - _n(row, "cache_read") - _written(row),
    "cache_read": lambda row: _n(row, "cache_read"),
    "cache_write": lambda row: _written(row),
    "w5m": lambda row: _n(row, "cache_write_5m"),
    "w1h": lambda row: _n(row, "cache_write_1h"),
    "output": lambda row: _n(row, "output"),
    "reasoning": lambda row: _n(row, "reasoning"),
    "audio_in": lambda row: _n(row, "audio_input"),
    "audio_out": lambda row: _n(row, "audio_output"),
    "image_in": lambda row: _n(row, "image_input"),
    "searches": lambda row: row["search_requests"] or 0,
}
_PLAIN_TIERS = (None, "auto", "default", "standard")
_HARMLESS = {"reasoning", "response_model"}
"""What may be lost without a different price: reasoning is in the output, and the request names the model as well."""


@dataclass(frozen=True)
class Capture:
    """A recording after settling: `costs` (rows of the table), and the truth about it."""

    name: str
    costs: pl.DataFrame
    truth: dict[str, Any]

    @property
    def billable(self) -> list[Row]:
        """The rows that stand for a call the provider charged for, in the order of their beginning."""
        rows = self.costs.filter(~pl.col("status").is_in(["aggregate", "zero_rated"]))
        return rows.sort("occurred_at", "cost_id").to_dicts()

    @property
    def calls(self) -> list[dict[str, Any]]:
        """What the provider charged for."""
        return [call for call in self.truth["calls"] if call["billable"]]

    @property
    def lost(self) -> frozenset[str]:
        """What no reader of the wire can know."""
        return frozenset(self.truth["derivation"]["lost_or_wrong"])

    @property
    def silent(self) -> bool:
        """Whether the wire has no usage of a call at all, or not even a span."""
        return "calls" in self.lost


@cache
def rules() -> Rules:
    """The rules of a service with the default settings."""
    return rules_from(Config(), None)


@cache
def capture(name: str) -> Capture:
    """A recording by name: decoded, read, priced, inherited and settled."""
    prepared = prepare([Record(1, Kind.TRACES, 0, (FOLDER / f"{name}.pb").read_bytes())], rules())
    spans = inherit(prepared.spans.unique(_KEY, keep="first", maintain_order=True))
    calls = inherit_calls(prepared.calls.unique(_KEY, keep="first", maintain_order=True), spans)
    costs = settle(calls, spans, inherit_signals(prepared.signals, spans))
    return Capture(name, costs, json.loads((FOLDER / f"{name}.expected.json").read_text(encoding="utf-8")))


def miscounted(one: Capture) -> list[str]:
    """Calls counted more or less often than once; failed attempts that cost something."""
    found = []
    seen, true = len(one.billable), len(one.calls)
    # a call of which the wire has no span cannot be counted; one more than there were never is right
    if seen != true and not (one.silent and seen < true):
        found.append(f"{seen} billable calls, truly {true}")
    free = one.costs.filter(pl.col("status") == "zero_rated")
    if free.height > sum(not call["billable"] for call in one.truth["calls"]):
        found.append(f"{free.height} calls taken for failed ones")
    if not free.filter(pl.col("cost_usd") != 0).is_empty():
        found.append("a failed call that costs something")
    if not one.costs.filter((pl.col("status") == "aggregate") & pl.col("cost_usd").is_not_null()).is_empty():
        found.append("an aggregate that carries money")
    return found


def misread(one: Capture) -> list[str]:
    """Figures that are not the truth, unless the wire lost them and every row says so."""
    found = []
    for figure, ours in _OURS.items():
        rows = sorted(ours(row) for row in one.billable)
        true = sorted(_TRUTH[figure](call) for call in one.calls)
        if rows == true:
            continue
        if figure not in one.lost and not one.silent:
            found.append(f"{figure}: {rows}, truly {true}")
        elif not all(_admits(row, figure) or _true(one, row, figure) for row in one.billable):
            found.append(f"{figure}: {rows}, truly {true}; lost on the wire, and a row does not say so")
    return found


def misnamed(one: Capture) -> list[str]:
    """Providers, models and tiers that are not the truth; unknown is allowed only for what the wire lost."""
    found = []
    providers = {_folded(call["provider"]) for call in one.calls}
    asked = {bare(call["request_model"]) for call in one.calls}
    served = {bare(call["response_model"]) for call in one.calls}
    tiers = {call["response_service_tier"] or call["request_service_tier"] for call in one.calls}
    known = {bare(row["response_model"] or row["request_model"]) for row in one.billable}
    if "response_model" not in one.lost and not served <= known:
        found.append(f"answered by {known}, truly {served}")
    for row in one.billable:
        if row["provider"] not in providers:
            found.append(f"provider {row['provider']}, truly {providers}")
        if not (row["request_model"] or row["response_model"]):
            found.append("no model")
        if row["request_model"] and bare(row["request_model"]) not in asked:
            found.append(f"asked for {row['request_model']}, truly {asked}")
        if row["response_model"] and bare(row["response_model"]) not in served:
            found.append(f"answered by {row['response_model']}, truly {served}")
        if row["service_tier"] not in {*tiers, *_PLAIN_TIERS}:
            found.append(f"tier {row['service_tier']}, truly {tiers}")
        if row["service_tier"] in _PLAIN_TIERS and tiers.isdisjoint(_PLAIN_TIERS) and not _tier_lost(one):
            found.append(f"tier {row['service_tier']}, truly {tiers}")
    return found


def mispriced(one: Capture) -> list[str]:
    """A cost that is not what the truth costs, where the wire carries all of it; a price of nothing where not."""
    found = [f"{row['status']} for unknown usage" for row in one.billable if _silent(row) and row["cost_usd"]]
    found += [f"{row['span_id']} has no price, and no reason" for row in one.billable if _unexplained(row)]
    plain = all((call["response_service_tier"] or call["request_service_tier"]) in _PLAIN_TIERS for call in one.calls)
    told = one.lost - _HARMLESS - ({"service_tier"} if plain else set())
    if told or one.silent:
        return found
    ours, true = _sum(pl.DataFrame(one.billable, schema=one.costs.schema)), _sum(_priced_truth(one))
    if ours != true:
        found.append(f"costs {ours}, truly {true}")
    return found


def faults(one: Capture) -> list[str]:
    """All that is wrong with a recording's rows."""
    return [*miscounted(one), *misread(one), *misnamed(one), *mispriced(one)]


def figures(one: Capture) -> list[str]:
    """The figures of the truth that the wire carries; `input` is all of it, cached or not."""
    used = [name for name, true in _TRUTH.items() if any(true(call) for call in one.calls) and name not in one.lost]
    total = sum(_TRUTH[part](call) for part in ("uncached", "cache_read", "cache_write") for call in one.calls)
    whole = ["input"] if sum(_n(row, "input") for row in one.billable) == total else []
    return [] if one.silent else [*whole, *(name for name in used if not (whole and name == "uncached"))]


def _priced_truth(one: Capture) -> pl.DataFrame:
    rows = [
        {
            "occurred_at": one.billable[0]["occurred_at"],
            "role": "call",
            "provider": _folded(call["provider"]),
            "request_model": call["request_model"],
            "response_model": call["response_model"],
            "operation": "embeddings" if call["api"] == "embeddings" else "chat",
            "service_tier": call["response_service_tier"] or call["request_service_tier"],
            "input_tokens": sum(_TRUTH[part](call) for part in ("uncached", "cache_read", "cache_write")),
            "cache_read_tokens": call["cache_read_tokens"],
            "cache_write_5m_tokens": call["cache_write_5m_tokens"],
            "cache_write_1h_tokens": call["cache_write_1h_tokens"],
            "output_tokens": call["output_tokens_incl_reasoning"],
            "audio_input_tokens": call["input_audio_tokens"],
            "audio_output_tokens": call["output_audio_tokens"],
            "search_requests": call["web_search_requests"],
            "usage_source": "reported",
            "failed": False,
        }
        for call in one.calls
    ]
    return price_calls(pl.DataFrame(rows, schema=CALL_SCHEMA), rules().catalog)


def _sum(costs: pl.DataFrame) -> Decimal | None:
    """All of the cost; None when some is unknown."""
    if costs["cost_usd"].null_count():
        return None
    return Decimal(costs["cost_usd"].cast(pl.Decimal(38, 12)).sum())


def _admits(row: Row, figure: str) -> bool:
    """Whether a row says that it does not know a figure."""
    if row["usage_source"] != "reported":
        return True
    if figure == "reasoning":
        return row["reasoning_tokens"] is None
    return any(figure in _NOTES.get(note, ()) for note in notes(row))


def _true(one: Capture, row: Row, figure: str) -> bool:
    """Whether a figure of a row is that of the call which was made at its place in time."""
    rows, calls = one.billable, one.calls
    place = [other["cost_id"] for other in rows].index(row["cost_id"])
    return len(rows) == len(calls) and _OURS[figure](row) == _TRUTH[figure](calls[place])


def notes(row: Mapping[str, Any]) -> list[str]:
    """The notes of a row."""
    return (row["usage_note"] or "").split(",")


def _tier_lost(one: Capture) -> bool:
    return "service_tier" in one.lost or one.silent


def _silent(row: Row) -> bool:
    return bool(row["usage_source"] == "missing")


def _unexplained(row: Row) -> bool:
    return row["cost_usd"] is None and not row["rate_note"]


def _folded(provider: str) -> str:
    return str(pl.select(fold_provider(pl.lit(provider))).item())


def bare(model: str | None) -> str | None:
    """The id without the gateway in front; some libraries also drop Bedrock's region and vendor."""
    for route in ("openrouter/", "openai/", "azure/", "anthropic/", "models/", "us.anthropic."):
        model = model.removeprefix(route) if model else model
    return model


def _n(row: Row, name: str) -> int:
    return row[f"{name}_tokens"] or 0


def _written(row: Row) -> int:
    return _n(row, "cache_write_5m") + _n(row, "cache_write_1h")
