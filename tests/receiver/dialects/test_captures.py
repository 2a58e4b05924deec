"""Real requests of real instrumentations against providers whose answers are known.

Two instrumentations on one call make two rows: here they are merged the way a careful reader would (the analytics
room decides it over whole traces). What the wire lost must be null, or the row must say that it is missing.
"""

from collections.abc import Callable
from typing import Any

import polars as pl

TRUE_PROVIDER = {"aws.bedrock": "aws", "azure_openai": "azure", "gemini": "google", "mistralai": "mistral"}
ROUTES = ("openrouter/", "openai/", "azure/", "anthropic/", "models/")
GEO_AND_VENDOR = "us.anthropic."


def test_the_usage_on_the_wire_is_read_to_the_token(
    capture: str, calls_in: Callable[..., pl.DataFrame], truth_of: Callable[[str], dict[str, Any]]
) -> None:
    records = [
        record for record in truth_of(capture)["derivation"]["derived_records"] if record["out"] or record["uncached"]
    ]
    calls = merged_twins(calls_in(capture))

    def shape(row: dict[str, Any]) -> tuple[int, ...]:
        assumed = "ttl_assumed" in (row["usage_note"] or "")
        written = ("cache_write_5m_tokens", "cache_write_1h_tokens")
        counts = ("input_tokens", "cache_read_tokens", "output_tokens", "audio_input_tokens", "audio_output_tokens")
        split = (0, 0) if assumed else tuple(row[name] or 0 for name in written)
        return (*(row[name] or 0 for name in counts), sum(row[name] or 0 for name in written), *split)

    def expected(record: dict[str, Any]) -> tuple[int, ...]:
        value = {name: record[name] or 0 for name in ("uncached", "cr", "cw", "w5", "w1", "out", "ai", "ao")}
        total = value["uncached"] + value["cr"] + value["cw"]
        split = (value["w5"], value["w1"])
        return (total, value["cr"], value["out"], value["ai"], value["ao"], value["cw"], *split)

    assert sorted(map(shape, calls)) == sorted(map(expected, records))
    assert sum(row["reasoning_tokens"] or 0 for row in calls) == sum(record["rs"] or 0 for record in records)


def test_provider_models_and_tier_are_true_or_unknown(
    capture: str, calls_in: Callable[..., pl.DataFrame], truth_of: Callable[[str], dict[str, Any]]
) -> None:
    truth = truth_of(capture)["calls"]
    providers = {TRUE_PROVIDER.get(call["provider"], call["provider"]) for call in truth}
    asked = {bare(call["request_model"]) for call in truth}
    served = {bare(call["response_model"]) for call in truth}
    tiers = {call["response_service_tier"] or call["request_service_tier"] for call in truth} | {"standard", "default"}
    for row in calls_in(capture).filter(pl.col("role") == "call").to_dicts():
        assert row["provider"] in providers
        assert row["request_model"] or row["response_model"] or row["failed"]
        assert row["request_model"] is None or bare(row["request_model"]) in asked
        assert row["response_model"] is None or bare(row["response_model"]) in served
        assert row["service_tier"] is None or row["service_tier"] in tiers


def test_a_model_that_the_answer_named_is_not_forgotten(
    capture: str, calls_in: Callable[..., pl.DataFrame], truth_of: Callable[[str], dict[str, Any]]
) -> None:
    """The dated snapshot matters for the price; only where it differs from what was asked can it be lost."""
    truth = truth_of(capture)
    snapshots = {call["response_model"] for call in truth["calls"] if call["response_model"] != call["request_model"]}
    if "response_model" not in truth["derivation"]["lost_or_wrong"] and truth["derivation"]["derived_records"]:
        assert snapshots - {None} <= set(calls_in(capture)["response_model"])


def test_the_response_id_is_kept_to_tell_twins(
    capture: str, calls_in: Callable[..., pl.DataFrame], truth_of: Callable[[str], dict[str, Any]]
) -> None:
    known = {record["rid"] for record in truth_of(capture)["derivation"]["derived_records"]} - {None}
    assert known <= set(calls_in(capture)["response_id"])


def test_calls_without_usage_say_so(
    capture: str, calls_in: Callable[..., pl.DataFrame], truth_of: Callable[[str], dict[str, Any]]
) -> None:
    """A failed call or a silent stream is a row with null counts, never a row of zeros."""
    missing = calls_in(capture).filter(pl.col("usage_source") == "missing")
    counts = [name for name in missing.columns if name.endswith("_tokens")]
    assert missing.select(pl.any_horizontal(pl.col(counts).is_not_null()).any()).item() in (False, None)
    attempts = truth_of(capture)["calls"]
    failed = calls_in(capture).filter("failed")
    assert failed.height <= sum(not call["billable"] for call in attempts)
    assert failed["usage_source"].is_in(["missing"]).all()


def merged_twins(calls: pl.DataFrame) -> list[dict[str, Any]]:
    """One row per call: of rows with one response id, or equal usage in different scopes, the most certain."""
    rows = calls.filter((pl.col("role") == "call") & (pl.col("usage_source") != "missing")).to_dicts()
    rows.sort(key=lambda row: (len(row["usage_note"] or ""), row["response_id"] is None, row["scope_name"]))
    kept: list[dict[str, Any]] = []
    for row in rows:
        if not any(same_call(row, other) for other in kept):
            kept.append(row)
    return kept


def same_call(one: dict[str, Any], other: dict[str, Any]) -> bool:
    if one["response_id"] and one["response_id"] == other["response_id"]:
        # Gemini's ids and the SDKs' retries never collide within one recording.
        return True
    nameless = one["response_id"] is None or other["response_id"] is None
    apart = one["scope_name"] != other["scope_name"] or one["dialect"] == "langfuse"
    return nameless and apart and one["input_tokens"] == other["input_tokens"]


def bare(model: str | None) -> str | None:
    """The id without the gateway in front; Traceloop also drops Bedrock's region and vendor."""
    for route in ROUTES:
        model = model.removeprefix(route) if model else model
    return model.removeprefix(GEO_AND_VENDOR) if model else model
