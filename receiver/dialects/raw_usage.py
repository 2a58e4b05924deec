"""Read a model provider's own usage object (JSON text) by that provider's rule.

| API | input counter | cached inside | output counter | reasoning inside |
|---|---|---|---|---|
| OpenAI chat, Responses | total | yes | total | yes |
| Anthropic | after the last cache breakpoint | no | total | yes |
| Bedrock Converse | uncached | no | total | yes |
| Gemini | total | yes | candidates | no, thoughts are added |
"""

import polars as pl

from receiver.dialects.dialect import Reading
from receiver.dialects.payload import count_field, field


def raw_usage(usage: pl.Expr) -> Reading:
    """Counts, tier and inclusion of a provider's usage object, whatever the provider; all null without one."""
    thoughts = count_field(usage, "thoughts_token_count", "thoughtsTokenCount")
    candidates = count_field(usage, "candidates_token_count", "candidatesTokenCount")
    total_input = count_field(usage, "prompt_tokens", "prompt_token_count", "promptTokenCount")
    plain_input = count_field(usage, "input_tokens")
    bedrock_input = count_field(usage, "inputTokens")
    anthropic_read = count_field(usage, "cache_read_input_tokens")
    anthropic_write = count_field(usage, "cache_creation_input_tokens")
    # `input_tokens` is Anthropic's exclusive counter exactly when Anthropic's own cache counters stand beside it.
    exclusive = total_input.is_null() & (
        bedrock_input.is_not_null() | (anthropic_read.is_not_null() | anthropic_write.is_not_null())
    )
    known = pl.coalesce(total_input, plain_input, bedrock_input).is_not_null()
    return {
        "input": pl.coalesce(total_input, plain_input, bedrock_input),
        "output": pl.coalesce(
            count_field(usage, "completion_tokens", "output_tokens", "outputTokens"),
            candidates + thoughts.fill_null(0),
        ),
        "total": count_field(usage, "total_tokens", "totalTokens", "total_token_count", "totalTokenCount"),
        "cache_read": pl.coalesce(
            count_field(
                usage,
                "prompt_tokens_details.cached_tokens",
                "input_tokens_details.cached_tokens",
                "cached_content_token_count",
                "cachedContentTokenCount",
            ),
            anthropic_read,
            count_field(usage, "cacheReadInputTokens"),
        ),
        "cache_write": pl.coalesce(
            anthropic_write,
            count_field(
                usage,
                "cacheWriteInputTokens",
                "prompt_tokens_details.cache_write_tokens",
                "input_tokens_details.cache_write_tokens",
            ),
        ),
        "cache_write_5m": count_field(
            usage,
            "cache_creation.ephemeral_5m_input_tokens",
            "prompt_tokens_details.cache_creation_token_details.ephemeral_5m_input_tokens",
        ),
        "cache_write_1h": count_field(
            usage,
            "cache_creation.ephemeral_1h_input_tokens",
            "prompt_tokens_details.cache_creation_token_details.ephemeral_1h_input_tokens",
        ),
        "reasoning": pl.coalesce(
            count_field(usage, "completion_tokens_details.reasoning_tokens", "output_tokens_details.reasoning_tokens"),
            thoughts,
        ),
        "audio_input": count_field(usage, "prompt_tokens_details.audio_tokens", "input_tokens_details.audio_tokens"),
        "audio_output": count_field(
            usage, "completion_tokens_details.audio_tokens", "output_tokens_details.audio_tokens"
        ),
        "image_input": count_field(usage, "prompt_tokens_details.image_tokens", "input_tokens_details.image_tokens"),
        "image_output": count_field(
            usage, "completion_tokens_details.image_tokens", "output_tokens_details.image_tokens"
        ),
        "search_requests": count_field(usage, "server_tool_use.web_search_requests"),
        "service_tier": field(usage, "service_tier"),
        "region": field(usage, "inference_geo"),
        "reported_cost": field(usage, "cost"),
        "exclusive": pl.when(known).then(exclusive),
        "raw": known,
    }


def prefer(better: Reading, other: Reading) -> Reading:
    """Each field from ``better`` where it has a value, else from ``other``."""
    both = {name: pl.coalesce(better[name], other[name]) for name in better.keys() & other.keys()}
    return {**other, **better, **both}
