"""Model calls as an AI product makes them, for pricing benchmarks: the same seed gives the same calls."""

from datetime import UTC, datetime
from typing import Final

import numpy as np
import polars as pl

MODELS: Final = (
    # provider, name asked for, name answered, share of the calls
    ("openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18", 14),
    ("openai", "gpt-4o", "gpt-4o-2024-08-06", 8),
    ("openai", "gpt-5", "gpt-5-2025-08-07", 9),
    ("openai", "gpt-5-mini", "gpt-5-mini-2025-08-07", 9),
    ("openai", "gpt-5.4", "gpt-5.4", 6),
    ("openai", "o3", "o3-2025-04-16", 3),
    ("openai", "text-embedding-3-small", "text-embedding-3-small", 6),
    ("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929", 12),
    ("anthropic", "claude-opus-4-6", "claude-opus-4-6", 5),
    ("anthropic", "claude-haiku-4-5", "claude-haiku-4-5-20251001", 6),
    ("google", "gemini-2.5-pro", "gemini-2.5-pro", 4),
    ("google", "gemini-2.5-flash", "gemini-2.5-flash", 5),
    ("x-ai", "grok-4.3", "grok-4.3", 2),
    ("deepseek", "deepseek-v4-flash", "deepseek-v4-flash", 2),
    ("mistral", "mistral-large-latest", "mistral-large-latest", 2),
    ("groq", "llama-3.3-70b-versatile", "llama-3.3-70b-versatile", 2),
    ("azure", "our-deployment", "gpt-4.1-2025-04-14", 2),
    ("aws", "us.anthropic.claude-haiku-4-5-20251001-v1:0", None, 2),
    ("openai", "an-unlisted-model", "an-unlisted-model", 1),
)
"""Nineteen models of nine providers, one of them in no price book."""

_EMBEDDING: Final = next(row for row, (_, name, _, _) in enumerate(MODELS) if "embedding" in name)
_BEGIN: Final = datetime(2026, 5, 1, tzinfo=UTC)
_END: Final = datetime(2026, 11, 20, tzinfo=UTC)
_LONG_SHARE, _CACHED_SHARE, _WRITING_SHARE, _SPECIAL_SHARE = 0.02, 0.4, 0.15, 0.03


def model_calls(count: int, seed: int = 1) -> pl.DataFrame:
    """`count` calls of 2026 as `price_calls` takes them, in the order of their time.

    Two in five read from a cache, every seventh writes to one, one in fifty has a prompt of 200,000 to 400,000 tokens,
    a few in a hundred ask for a batch, flex or priority rate, some reason, and one in a hundred is of an unknown model.
    """
    random = np.random.default_rng(seed)
    share = np.array([row[3] for row in MODELS], dtype=float)
    which = random.choice(len(MODELS), size=count, p=share / share.sum())
    names = pl.DataFrame(
        [row[:3] for row in MODELS], schema=["provider", "request_model", "response_model"], orient="row"
    )
    long = random.random(count) < _LONG_SHARE
    total = np.where(long, random.integers(200_000, 400_000, count), random.lognormal(7.2, 1.1, count).astype(np.int64))
    total = np.clip(total, 1, 400_000)
    reads = random.random(count) < _CACHED_SHARE
    read = np.where(reads, (total * random.random(count) * 0.8).astype(np.int64), 0)
    writes = random.random(count) < _WRITING_SHARE
    written = np.where(writes, ((total - read) * random.random(count)).astype(np.int64), 0)
    written_1h = np.where(random.random(count) < 0.2, written, 0)
    output = np.where(which == _EMBEDDING, 0, random.lognormal(5.5, 1.0, count).astype(np.int64))
    reasons = random.random(count) < 0.15
    reasoning = (output * random.random(count)).astype(np.int64)
    # Resellers sell no such rates, or at least genai-prices knows none: there would be nothing to compare with.
    makers = np.array([row[0] in ("openai", "anthropic", "google") for row in MODELS])
    special = (random.random(count) < _SPECIAL_SHARE) & makers[which]
    tier = random.choice(["flex", "priority"], size=count)
    batch = special & (random.random(count) < 0.5)
    length = int((_END - _BEGIN).total_seconds() * 1_000_000)
    moments = np.sort(random.integers(0, length, count)) + int(_BEGIN.timestamp()) * 1_000_000
    nothing = pl.lit(None, dtype=pl.Int64)
    return names.select(pl.all().gather(pl.Series(which, dtype=pl.UInt32))).with_columns(
        pl.Series("occurred_at", moments).cast(pl.Datetime("us", "UTC")),
        pl.when(pl.Series(special & ~batch)).then(pl.Series(tier)).alias("service_tier"),
        pl.when(pl.Series(batch)).then(pl.lit(value=True)).alias("batch"),
        pl.Series("input_tokens", total),
        pl.when(pl.Series(reads)).then(pl.Series(read)).alias("cache_read_tokens"),
        pl.when(pl.Series(writes)).then(pl.Series(written - written_1h)).alias("cache_write_5m_tokens"),
        pl.when(pl.Series(writes)).then(pl.Series(written_1h)).alias("cache_write_1h_tokens"),
        pl.Series("output_tokens", output),
        pl.when(pl.Series(reasons)).then(pl.Series(reasoning)).alias("reasoning_tokens"),
        *(nothing.alias(f"{kind}_{side}_tokens") for kind in ("audio", "image") for side in ("input", "output")),
        nothing.alias("search_requests"),
        pl.lit(1, dtype=pl.Int64).alias("requests"),
        nothing.alias("images"),
        pl.lit(None, dtype=pl.Decimal(18, 6)).alias("audio_seconds"),
        pl.lit(None, dtype=pl.Decimal(18, 6)).alias("video_seconds"),
        nothing.alias("characters"),
        nothing.alias("pages"),
        pl.lit(None, dtype=pl.String).alias("region"),
        pl.lit("reported").alias("usage_source"),
        pl.lit(value=False).alias("failed"),
        pl.lit(None, dtype=pl.Decimal(18, 12)).alias("reported_cost_usd"),
    )
