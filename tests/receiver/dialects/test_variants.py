"""Dialects and versions that no recording here shows, as their documentation and sources write them."""

import json
from collections.abc import Callable
from typing import Any

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
