"""What may be stored: decided by the name of an attribute, once per name."""

import json
import time

import pytest

from receiver.decode import Wanted, decode_traces
from receiver.redact import Disposition, disposition, scrub_url
from tests.receiver.otlp_payloads import DIALECT_CAPTURES, RECEIVED_NS


@pytest.mark.parametrize(
    "key",
    [
        "token",
        "api.key",
        "api_key",
        "apikey",
        "openai.api_key",
        "metadata.user_api_key",
        "x-api-key",
        "http.request.header.x-goog-api-key",
        "authorization",
        "http.request.header.authorization",
        "http.request.header.Authorization.0",
        "proxy-authorization",
        "http.request.header.cookie",
        "http.response.header.set-cookie",
        "llm.headers",
        "extra_headers",
        "auth.access_token",
        "refresh_token",
        "openaiApiKey",
        "clientSecret",
        "client_secret",
        "aws.secret_access_key",
        "db.password",
        "smtp.pwd",
        "google.credentials",
        "azure.subscription-key",
    ],
)
def test_credentials_are_secret(key):
    assert disposition(key) is Disposition.SECRET


@pytest.mark.parametrize(
    "key",
    [
        "gen_ai.prompt",
        "gen_ai.prompt.0.content",
        "gen_ai.completion.0.role",
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.system_instructions",
        "gen_ai.tool.call.arguments",
        "gen_ai.tool.call.result",
        "gen_ai.tool.definitions",
        "gen_ai.request.messages",
        "llm.input_messages.3.message.content",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments",
        "llm.prompts.0",
        "llm.invocation_parameters",
        "llm.openai.messages",
        "llm.None.input",
        "input.value",
        "output.value",
        "ai.prompt",
        "ai.prompt.messages",
        "ai.response.text",
        "ai.response.object",
        "ai.response.toolCalls",
        "ai.toolCall.args",
        "ai.values",
        "traceloop.entity.input",
        "traceloop.entity.output",
        "langfuse.observation.input",
        "langfuse.trace.output",
        "mlflow.spanInputs",
        "mlflow.spanOutputs",
        "embedding.embeddings.0.embedding.text",
        "embedding.embeddings.12.embedding.vector",
        "retrieval.documents.0.document.content",
        "pydantic_ai.all_messages",
        "request_data",
        "message",
    ],
)
def test_prompts_and_completions_are_content(key):
    assert disposition(key) is Disposition.CONTENT


@pytest.mark.parametrize(
    "key",
    [
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.prompt_tokens",
        "gen_ai.usage.completion_tokens",
        "gen_ai.client.token.usage",
        "gen_ai.prompt_caching",
        "gen_ai.request.model",
        "gen_ai.response.finish_reasons",
        "llm.token_count.prompt",
        "llm.token_count.completion",
        "llm.token_count.prompt_details.cache_read",
        "llm.cost.prompt",
        "llm.usage.total_tokens",
        "llm.model_name",
        "ai.prompt_tokens",
        "ai.usage.promptTokens",
        "ai.response.providerMetadata",
        "gen_ai.usage.raw",
        "langfuse.observation.usage_details",
        "mlflow.chat.tokenUsage",
        "input.mime_type",
        "data",
        "event_name",
        "db.statement",
        "user.id",
        "exception.message",
        "tokenizer",
        "secretary",
        "keyboard.api",
    ],
)
def test_usage_identity_and_plain_attributes_are_stored(key):
    assert disposition(key) is Disposition.PLAIN


@pytest.mark.parametrize(
    ("url", "scrubbed"),
    [
        ("https://h/p", "https://h/p"),
        ("https://h/p?alt=sse&key=AIza123", "https://h/p?alt=sse&key=REDACTED"),
        ("https://h/p?api_key=1&x=2#f", "https://h/p?api_key=REDACTED&x=2#f"),
        ("https://h/p?X-Amz-Signature=abc", "https://h/p?X-Amz-Signature=REDACTED"),
        ("https://me:pw@h/p", "https://REDACTED@h/p"),
        ("access_token=abc&page=2", "access_token=REDACTED&page=2"),
        ("https://h/p?monkey=1", "https://h/p?monkey=1"),
    ],
)
def test_addresses_lose_their_credentials(url, scrubbed):
    assert scrub_url(url) == scrubbed


def test_a_hostile_key_costs_no_time():
    started = time.perf_counter()
    for key in ("a." * 500_000, "_" * 1_000_000, "api_" * 250_000, "langsmith." + "inputs." * 100_000 + "\n"):
        disposition(key)
    scrub_url("?" + "a_" * 500_000)
    assert time.perf_counter() - started < 2


def test_no_prompt_nor_completion_of_any_recorded_instrumentation_is_stored():
    spoken = ("ping", "pong", "you are x", "Paris", "rain")  # what was said in the recorded conversations
    payloads = [(path.read_bytes(), RECEIVED_NS) for path in DIALECT_CAPTURES]

    quiet = decode_traces(payloads, Wanted()).spans["attributes"]
    open_ = decode_traces(payloads, Wanted(), capture_content=True).spans["attributes"]

    def said(attributes):
        texts = [json.dumps(value) for text in attributes for value in json.loads(text).values()]
        return {word for word in spoken for text in texts if f'"{word}' in text.replace("\\", "")}

    assert said(open_) == set(spoken)
    assert said(quiet) == set()
