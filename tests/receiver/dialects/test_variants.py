"""Dialects and versions that no recording here shows, as their documentation and sources write them."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from receiver.dialects import to_calls

Call = Callable[..., dict[str, Any]]
TOKENS = {"gen_ai.usage.input_tokens": "2829", "gen_ai.usage.output_tokens": "89"}


def test_the_first_conventions_said_prompt_and_completion(call: Call) -> None:
    row = call(
        {
            "gen_ai.system": "openai",
            "gen_ai.request.model": "gpt-4",
            "gen_ai.usage.prompt_tokens": "7",
            "gen_ai.usage.completion_tokens": "3",
        }
    )
    assert (row["dialect"], row["input_tokens"], row["output_tokens"]) == ("gen_ai", 7, 3)


def test_langsmith_keeps_the_parts_in_its_usage_metadata(call: Call) -> None:
    details = {
        "cache_read": 2048,
        "cache_creation": 0,
        "ephemeral_5m_input_tokens": 512,
        "ephemeral_1h_input_tokens": 256,
    }
    usage = {
        "input_tokens": 2829,
        "output_tokens": 89,
        "input_token_details": details,
        "output_token_details": {"reasoning": 9},
    }
    row = call(
        {
            **TOKENS,
            "langsmith.span.kind": "llm",
            "langsmith.metadata.ls_provider": "anthropic",
            "gen_ai.system": "langchain",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "langsmith.metadata.usage_metadata": json.dumps(usage),
        }
    )
    assert (row["dialect"], row["provider"], row["input_tokens"], row["cache_read_tokens"]) == (
        "langsmith",
        "anthropic",
        2829,
        2048,
    )
    assert (row["cache_write_5m_tokens"], row["cache_write_1h_tokens"], row["reasoning_tokens"]) == (512, 256, 9)


def test_langsmith_chains_are_aggregates(call: Call) -> None:
    assert call({**TOKENS, "langsmith.span.kind": "chain"})["role"] == "aggregate"


def test_google_adk_names_the_biller_in_the_model_id(call: Call) -> None:
    row = call(
        {
            **TOKENS,
            "gen_ai.operation.name": "generate_content",
            "gen_ai.system": "gcp.vertex.agent",
            "gen_ai.request.model": "anthropic/claude-sonnet-4-5",
        },
        scope="gcp.vertex.agent",
    )
    assert (row["dialect"], row["provider"], row["operation"]) == ("google_adk", "anthropic", "chat")


def test_agent_framework_agents_are_aggregates(call: Call) -> None:
    agent = {**TOKENS, "gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": "microsoft.agent_framework"}
    row = call(agent, scope="agent_framework")
    assert (row["dialect"], row["role"], row["provider"]) == ("agent_framework", "aggregate", None)


def test_semantic_kernel_says_that_it_drops_cache_counts(call: Call) -> None:
    row = call(
        {
            **TOKENS,
            "gen_ai.operation.name": "chat.completions",
            "gen_ai.system": "openai",
            "gen_ai.request.model": "gpt-4o",
        },
        scope="semantic_kernel.utils.telemetry.model_diagnostics.decorators",
    )
    assert (row["dialect"], row["usage_note"]) == ("semantic_kernel", "cache_unknown")


def test_vercel_bedrock_before_version_6_passes_uncached_input_on(call: Call) -> None:
    metadata = json.dumps({"bedrock": {"usage": {"cacheReadInputTokens": 100, "cacheWriteInputTokens": 0}}})
    row = call(
        {
            "ai.operationId": "ai.generateText.doGenerate",
            "ai.model.provider": "amazon-bedrock",
            "ai.model.id": "x",
            "ai.usage.promptTokens": "500",
            "ai.usage.completionTokens": "5",
            "ai.response.providerMetadata": metadata,
        }
    )
    assert (row["provider"], row["input_tokens"], row["cache_read_tokens"]) == ("aws", 600, 100)


def test_langfuse_buckets_are_added_up(call: Call) -> None:
    usage = {"input": 101, "output": 115, "input_cache_read": 1024, "output_reasoning": 192, "input_audio": 10}
    row = call(
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": "gpt-5-mini",
            "langfuse.observation.usage_details": json.dumps(usage),
        }
    )
    assert (row["input_tokens"], row["output_tokens"], row["reasoning_tokens"]) == (1135, 307, 192)


def test_langfuse_buckets_of_langchain_split_the_writes(call: Call) -> None:
    usage = {
        "input": 13,
        "output": 89,
        "input_cache_read": 2048,
        "input_cache_creation": 0,
        "input_ephemeral_5m_input_tokens": 512,
        "input_ephemeral_1h_input_tokens": 256,
    }
    row = call(
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": "claude-sonnet-4-5",
            "langfuse.observation.usage_details": json.dumps(usage),
        }
    )
    assert (row["input_tokens"], row["cache_write_5m_tokens"], row["cache_write_1h_tokens"]) == (2829, 512, 256)
    assert row["usage_note"] == "provider_inferred"


def test_langfuse_buckets_named_after_a_tier_are_parts_too(call: Call) -> None:
    usage = {
        "input": 0,
        "output": 0,
        "input_flex_cache_read": 1024,
        "input_flex": 101,
        "output_flex_reasoning": 192,
        "output_flex": 115,
    }
    row = call(
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": "gpt-5-mini",
            "langfuse.observation.usage_details": json.dumps(usage),
        }
    )
    counts = ("input_tokens", "cache_read_tokens", "output_tokens", "reasoning_tokens")
    assert [row[name] for name in counts] == [1125, 1024, 307, 192]
    assert row["service_tier"] == "flex"


def test_langfuse_anthropic_usage_is_read_as_anthropic_means_it(call: Call) -> None:
    usage = {
        "input_tokens": 5000,
        "output_tokens": 89,
        "cache_read_input_tokens": 2048,
        "cache_creation_input_tokens": 768,
    }
    row = call(
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": "claude-sonnet-4-5",
            "langfuse.observation.usage_details": json.dumps(usage),
        }
    )
    assert row["input_tokens"] == 5000 + 2048 + 768


def test_openlit_anthropic_is_exclusive_even_when_arithmetic_cannot_tell(call: Call) -> None:
    row = call(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "gen_ai.usage.input_tokens": "5000",
            "gen_ai.usage.output_tokens": "9",
            "gen_ai.usage.cache_read.input_tokens": "100",
        },
        scope="openlit.instrumentation.anthropic",
    )
    assert row["input_tokens"] == 5100


def test_openinference_with_hidden_outputs_still_counts(call: Call) -> None:
    row = call(
        {
            "openinference.span.kind": "LLM",
            "llm.system": "openai",
            "llm.model_name": "gpt-5-mini-2025-08-07",
            "llm.token_count.prompt": "1125",
            "llm.token_count.completion": "307",
            "output.value": "__REDACTED__",
        }
    )
    assert (row["response_model"], row["response_id"], row["input_tokens"]) == ("gpt-5-mini-2025-08-07", None, 1125)


def test_a_batch_flag_can_be_set_on_the_span(call: Call) -> None:
    base = {**TOKENS, "gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
    assert call({**base, "marginlake.batch": "true"})["batch"] is True
    assert call({**base, "anthropic.response.service_tier": "batch"})["batch"] is True
    assert call(base)["batch"] is None


def test_the_served_tier_beats_the_requested_and_auto_says_nothing(call: Call) -> None:
    base = {**TOKENS, "gen_ai.operation.name": "chat", "openai.request.service_tier": "flex"}
    assert call({**base, "openai.response.service_tier": "default"})["service_tier"] == "default"
    assert call(base)["service_tier"] == "flex"
    assert call({**base, "openai.request.service_tier": "auto"})["service_tier"] is None


def test_mastra_generations_are_loops_and_steps_are_calls(call: Call) -> None:
    attributes = {
        **TOKENS,
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-sonnet-4-5",
        "gen_ai.usage.cached_input_tokens": "2048",
        "gen_ai.usage.audio_input_tokens": "20",
    }
    loop = call({**attributes, "mastra.span.type": "model_generation"})
    step = call({**attributes, "mastra.span.type": "model_step"})
    assert (loop["dialect"], loop["role"], step["role"]) == ("mastra", "aggregate", "call")
    assert (step["input_tokens"], step["cache_read_tokens"], step["audio_input_tokens"]) == (2829, 2048, 20)


def test_azure_inference_says_that_it_drops_cache_counts(call: Call) -> None:
    for system in ("az.ai.inference", "azure.ai.inference"):
        row = call(
            {**TOKENS, "gen_ai.operation.name": "chat", "gen_ai.system": system, "gen_ai.response.model": "gpt-4o"},
            scope="azure.core.tracing.ext.opentelemetry_span",
        )
        assert (row["dialect"], row["provider"], row["usage_note"]) == ("azure_inference", "azure", "cache_unknown")


def test_spellings_that_sentry_uses_are_understood(call: Call) -> None:
    base = {**TOKENS, "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5-mini"}
    for read in (
        "gen_ai.usage.input_tokens.cached",
        "gen_ai.usage.cache_read_tokens",
        "gen_ai.usage.input_cached_tokens",
    ):
        row = call({**base, read: "512", "gen_ai.usage.input_tokens.cache_write": "64"})
        assert (row["input_tokens"], row["cache_read_tokens"], row["cache_write_5m_tokens"]) == (2829, 512, 64)
    assert call({**base, "gen_ai.usage.total_cost": "0.0125"})["reported_cost_usd"] == Decimal("0.0125")


def test_autogen_core_has_no_calls_of_its_own(frame_of: Callable[..., Any]) -> None:
    operations = ("create_agent", "invoke_agent", "execute_tool")
    spans = [{"gen_ai.system": "autogen", "gen_ai.operation.name": operation} for operation in operations]
    assert to_calls(frame_of(spans, scope="autogen-core")).is_empty()


def test_helicone_async_is_traceloop_for_node(call: Call) -> None:
    row = call(
        {
            "llm.request.type": "chat",
            "gen_ai.system": "OpenAI",
            "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.usage.prompt_tokens": "50",
            "gen_ai.usage.completion_tokens": "5",
            "llm.usage.total_tokens": "55",
        },
        scope="@traceloop/instrumentation-openai",
    )
    assert (row["dialect"], row["provider"], row["input_tokens"], row["operation"]) == (
        "traceloop",
        "openai",
        50,
        "chat",
    )


def test_exclusive_inputs_of_old_versions_show_by_arithmetic(call: Call) -> None:
    """OpenInference before March 2025 and old wrappers passed Anthropic's uncached input on."""
    openinference = call(
        {
            "openinference.span.kind": "LLM",
            "llm.system": "anthropic",
            "llm.model_name": "claude-sonnet-4-5",
            "llm.token_count.prompt": "13",
            "llm.token_count.completion": "89",
            "llm.token_count.prompt_details.cache_read": "2048",
            "llm.token_count.prompt_details.cache_write": "768",
        }
    )
    langsmith = call(
        {
            "langsmith.span.kind": "llm",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "gen_ai.usage.input_tokens": "13",
            "gen_ai.usage.output_tokens": "89",
            "langsmith.metadata.usage_metadata": json.dumps(
                {"input_tokens": 13, "output_tokens": 89, "input_token_details": {"cache_read": 2048}}
            ),
        }
    )
    assert (openinference["input_tokens"], langsmith["input_tokens"]) == (2829, 2061)


def test_openlit_about_langchain_has_langchains_inclusive_counters(call: Call) -> None:
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-sonnet-4-5",
        "gen_ai.usage.input_tokens": "5000",
        "gen_ai.usage.output_tokens": "9",
        "gen_ai.usage.cache_read.input_tokens": "100",
    }
    row = call(attributes, scope="openlit.instrumentation.langchain")
    assert (row["input_tokens"], row["usage_note"]) == (5000, None)
    row = call({**attributes, "gen_ai.provider.name": "aws.bedrock"}, scope="openlit.instrumentation.bedrock")
    assert row["input_tokens"] == 5100


def test_openlit_adds_no_thoughts_to_a_gemini_answer(call: Call) -> None:
    row = call(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "gemini",
            "gen_ai.request.model": "gemini-2.5-flash",
            "gen_ai.usage.input_tokens": "4307",
            "gen_ai.usage.output_tokens": "400",
            "gen_ai.usage.reasoning_tokens": "256",
        },
        scope="openlit.instrumentation.google_ai_studio",
    )
    assert (row["output_tokens"], row["reasoning_tokens"]) == (656, 256)


def test_google_adk_counts_reasoning_twice_only_for_models_through_litellm(call: Call) -> None:
    attributes = {
        "gen_ai.operation.name": "generate_content",
        "gen_ai.usage.input_tokens": "1125",
        "gen_ai.usage.output_tokens": "499",
        "gen_ai.usage.reasoning.output_tokens": "192",
    }
    routed = call({**attributes, "gen_ai.request.model": "openai/gpt-5-mini"}, scope="gcp.vertex.agent")
    native = call({**attributes, "gen_ai.request.model": "gemini-2.5-flash"}, scope="gcp.vertex.agent")
    assert (routed["output_tokens"], routed["usage_note"]) == (307, "reasoning_twice")
    assert (native["output_tokens"], native["reasoning_tokens"]) == (499, 192)


def test_pydantic_ai_details_know_thoughts_and_audio(call: Call) -> None:
    row = call(
        {
            **TOKENS,
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "google-gla",
            "gen_ai.request.model": "gemini-2.5-flash",
            "gen_ai.usage.details.thoughts_tokens": "40",
            "gen_ai.usage.details.input_audio_tokens": "100",
            "gen_ai.usage.details.output_audio_tokens": "10",
            "gen_ai.usage.details.input_tokens": "13",
        },
        scope="pydantic-ai",
    )
    counts = ("input_tokens", "output_tokens", "reasoning_tokens", "audio_input_tokens", "audio_output_tokens")
    assert [row[name] for name in counts] == [2829, 89, 40, 100, 10]


@pytest.mark.parametrize("bad", ["NaN", "-1", "True", "Infinity", "{'input_tokens': 5}", ""])
def test_a_count_that_is_none_is_missing_not_zero(call: Call, bad: str) -> None:
    row = call(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-5-mini",
            "gen_ai.usage.input_tokens": bad,
            "gen_ai.usage.output_tokens": bad,
        }
    )
    assert (row["usage_source"], row["input_tokens"], row["output_tokens"]) == ("missing", None, None)


@pytest.mark.parametrize(
    ("attributes", "provider", "region"),
    [
        ({"server.address": "bedrock-runtime.eu-west-1.amazonaws.com"}, "aws", "eu-west-1"),
        ({"server.address": "europe-west4-aiplatform.googleapis.com"}, "google", "europe-west4"),
        ({"server.address": "aiplatform.eu.rep.googleapis.com"}, "google", "eu"),
        ({"server.address": "aiplatform.googleapis.com"}, "google", None),
        ({"gen_ai.system": "openai", "gen_ai.openai.api_base": "https://eu.api.openai.com/v1"}, "openai", "eu"),
        ({"gen_ai.system": "openai", "server.address": "api.openai.com"}, "openai", None),
        ({"gen_ai.system": "openai", "server.address": "us-east-1.api.x.ai:443"}, "x-ai", "us-east-1"),
        ({"gen_ai.system": "aws.bedrock", "cloud.region": "us-east-1"}, "aws", "us-east-1"),
        ({"gen_ai.system": "openai", "cloud.region": "us-east-1"}, "openai", None),
        (
            {"gen_ai.request.model": "arn:aws:bedrock:ap-south-1:123456789012:foundation-model/amazon.nova-pro-v1:0"},
            "aws",
            "ap-south-1",
        ),
        ({"gen_ai.system": "anthropic", "anthropic.response.inference_geo": "US"}, "anthropic", "us"),
        ({"gen_ai.system": "anthropic", "anthropic.response.inference_geo": "not_available"}, "anthropic", None),
        (
            {"gen_ai.system": "anthropic", "server.address": "bedrock-runtime.us-west-2.amazonaws.com"},
            "aws",
            "us-west-2",
        ),
    ],
)
def test_region_is_where_the_model_answered(
    call: Call, attributes: dict[str, str], provider: str, region: str | None
) -> None:
    row = call({**TOKENS, "gen_ai.operation.name": "chat", "gen_ai.request.model": "m", **attributes})
    assert (row["provider"], row["region"]) == (provider, region)


def test_anthropic_usage_names_the_geography_it_was_served_in(call: Call) -> None:
    usage = {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 0, "inference_geo": "us"}
    row = call(
        {"gen_ai.operation.name": "chat", "gen_ai.system": "anthropic", "gen_ai.usage.raw": json.dumps(usage)},
        scope="logfire.anthropic",
    )
    assert (row["dialect"], row["region"]) == ("logfire", "us")
