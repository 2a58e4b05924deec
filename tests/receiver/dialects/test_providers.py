"""Who bills: spellings, hosts and model ids."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from receiver.dialects.providers import fold_provider, provider_of_family, provider_of_host, provider_of_model_path

SPELLINGS = {
    "openai": ["OpenAI", "openai.chat", "openai.responses", "openai.embedding", ' "openai" '],
    "anthropic": ["Anthropic", "anthropic.messages", "claude"],
    "google": [
        "gemini",
        "gcp.gemini",
        "gcp.gen_ai",
        "gcp.vertex_ai",
        "vertexai",
        "google.generative-ai",
        "google.vertex.chat",
    ],
    "aws": ["aws.bedrock", "AWS", "amazon_bedrock", "amazon-bedrock", "bedrock"],
    "azure": ["azure", "azure.ai.openai", "az.ai.openai", "azure.ai.inference", "az.ai.inference", "azure-openai.chat"],
    "mistral": ["mistralai", "mistral_ai", "mistral.chat"],
    "x-ai": ["xai", "x_ai", "xai.chat"],
    "some-new-lab": ["Some-New-Lab"],
}
NOT_PROVIDERS = [
    "langchain",
    "langgraph",
    "strands-agents",
    "autogen",
    "microsoft.agent_framework",
    "litellm",
    "",
    "_OTHER",
]


def test_spellings_fold_to_one_id() -> None:
    flat = [(spelling, provider) for provider, spellings in SPELLINGS.items() for spelling in spellings]
    frame = pl.DataFrame(flat, schema=["spelling", "expected"], orient="row")
    folded = frame.with_columns(folded=fold_provider(pl.col("spelling")))
    assert folded.filter(pl.col("folded") != pl.col("expected")).is_empty()
    assert folded["folded"].null_count() == 0


def test_frameworks_are_no_providers() -> None:
    assert pl.DataFrame({"p": NOT_PROVIDERS}).select(fold_provider(pl.col("p")))["p"].null_count() == len(NOT_PROVIDERS)


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("openrouter/openai/gpt-4o", "openrouter"),
        ("azure/my-prod-deployment", "azure"),
        ("anthropic/claude-sonnet-4-5", "anthropic"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws"),
        ("amazon.nova-pro-v1:0", "aws"),
        ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123", "aws"),
        ("accounts/fireworks/models/llama-v3p1-70b-instruct", "fireworks"),
        ("publishers/google/models/gemini-2.5-pro", "google"),
        ("gpt-4o", None),
        ("meta-llama/llama-3-8b", None),
    ],
)
def test_a_model_path_names_its_biller(model: str, provider: str | None) -> None:
    assert pl.DataFrame({"m": [model]}).select(provider_of_model_path(pl.col("m"))).item() == provider


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("claude-opus-4-1", "anthropic"),
        ("o3-mini", "openai"),
        ("ft:gpt-4o:acme::1", "openai"),
        ("models/gemini-2.5-flash", "google"),
        ("my-gpt-4", None),
        ("llama-3", None),
        ("o365-helper", None),
    ],
)
def test_a_family_name_tells_the_maker(model: str, provider: str | None) -> None:
    assert pl.DataFrame({"m": [model]}).select(provider_of_family(pl.col("m"))).item() == provider


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("https://openrouter.ai/api/v1", "openrouter"),
        ("acme.openai.azure.com", "azure"),
        ("API.DeepSeek.com", "deepseek"),
        ("https://api.groq.com/openai/v1", "groq"),
        ("127.0.0.1", None),
        ("notopenrouter.ai.evil.example", None),
    ],
)
def test_hosts_are_matched_whole(host: str, provider: str | None) -> None:
    assert pl.DataFrame({"h": [host]}).select(provider_of_host(pl.col("h"))).item() == provider


def test_an_openai_client_on_another_host_is_billed_by_that_host(call: Callable[..., dict[str, Any]]) -> None:
    span = {"gen_ai.system": "openai", "gen_ai.request.model": "deepseek-chat", "server.address": "api.deepseek.com"}
    assert call(span)["provider"] == "deepseek"


def test_a_guess_from_the_family_is_noted(call: Callable[..., dict[str, Any]]) -> None:
    row = call(
        {
            "gen_ai.system": "strands-agents",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "gen_ai.usage.input_tokens": "1",
        }
    )
    assert row["provider"] == "anthropic"
    assert "provider_inferred" in row["usage_note"]
