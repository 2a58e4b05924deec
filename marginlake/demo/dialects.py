"""How today's instrumentations write one model call: the same `Call` as OpenTelemetry GenAI, OpenInference, Traceloop,
the Anthropic SDK's own spans and the Vercel AI SDK put it on the wire. Scope names and versions are real ones.
"""

import json

from marginlake.demo.plan import Attributes, Call, Span, Tokens

PROMPT = "do-not-store-this-prompt: where is my parcel?"
"""The text of every prompt and answer of the demo; it must not be found in the lake."""
KEY = "do-not-store-this-key"
"""What SDK wrappers leak into the attribute `token`; it must not be found in the lake either."""

GENAI = ("opentelemetry.instrumentation.genai.openai", "1.3b0")
GENAI_GOOGLE = ("opentelemetry.instrumentation.google_genai", "1.3b0")
AGENTS = ("agent_framework", "1.0.0")
ANTHROPIC_SDK = ("com.anthropic.sdk.python", "2.12.0")
TRACELOOP = ("opentelemetry.instrumentation.openai.v1", "0.62.4")
VERCEL = ("ai", "")
PAID = ("paid.python", "")

_ERRORS = {
    "RateLimitError": "RateLimitError: too many requests",
    "APIConnectionError": "APIConnectionError: the stream broke off",
}
_VERCEL_PROVIDER = {"openai": "openai.chat", "anthropic": "anthropic.messages", "google": "google.generative-ai"}


def genai(call: Call, duration_ms: int) -> Span:
    """A client span by the current OpenTelemetry GenAI semantic conventions (chat, embeddings, generate_content)."""
    scope = GENAI_GOOGLE if call.provider == "google" else GENAI
    error = "RateLimitError" if call.tokens is None else "APIConnectionError"
    attributes: Attributes = {
        "gen_ai.operation.name": call.operation,
        "gen_ai.provider.name": "gcp.gemini" if call.provider == "google" else call.provider,
        "gen_ai.request.model": call.model,
        "server.address": f"api.{call.provider}.example",
        "server.port": 443,
    }
    if call.operation != "embeddings":
        attributes["gen_ai.input.messages"] = _messages("user")
    if not call.failed:
        attributes["gen_ai.response.model"] = call.answered_by
        attributes["gen_ai.response.finish_reasons"] = ("stop",)
        if call.operation != "embeddings":
            attributes["gen_ai.response.id"] = call.response_id
    else:
        attributes["error.type"] = error
    attributes |= _genai_usage(call.tokens)
    return Span(
        f"{call.operation} {call.model}",
        scope,
        attributes,
        kind="client",
        duration_ms=duration_ms,
        error=_ERRORS[error] if call.failed else None,
        call=call,
    )


def genai_tool(name: str, duration_ms: int, scope: tuple[str, str] = AGENTS) -> Span:
    """A tool call between two model calls; it costs nothing here."""
    attributes: Attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name}
    return Span(f"execute_tool {name}", scope, attributes, duration_ms=duration_ms)


def genai_agent(name: str, repeated: Tokens) -> Span:
    """An agent span that repeats the usage of everything below it, as agent frameworks write it."""
    attributes: Attributes = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": "microsoft.agent_framework",
        "gen_ai.agent.name": name,
        "gen_ai.agent.id": f"agent-{name}",
    }
    return Span(f"invoke_agent {name}", AGENTS, attributes | _genai_usage(repeated), aggregate=True)


def traceloop(call: Call, duration_ms: int) -> Span:
    """OpenLLMetry's OpenAI span: like GenAI, with `total_tokens` and its own reasoning key."""
    tokens = call.tokens or Tokens()
    attributes: Attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": call.provider,
        "gen_ai.request.model": call.model,
        "gen_ai.is_streaming": False,
        "gen_ai.input.messages": _messages("user"),
        "gen_ai.response.model": call.answered_by,
        "gen_ai.response.id": call.response_id,
        "gen_ai.response.finish_reasons": ("stop",),
        "openai.response.service_tier": "default",
        "gen_ai.usage.total_tokens": tokens.input + tokens.output,
        "gen_ai.usage.output_tokens": tokens.output,
        "gen_ai.usage.input_tokens": tokens.input,
        "gen_ai.usage.cache_read.input_tokens": tokens.cache_read,
        "gen_ai.usage.reasoning_tokens": tokens.reasoning,
        "gen_ai.output.messages": _messages("assistant"),
    }
    return Span("openai.chat", TRACELOOP, attributes, kind="client", duration_ms=duration_ms, call=call)


def traceloop_workflow(name: str) -> Span:
    """The span OpenLLMetry's `@workflow` decorator opens."""
    scope = ("opentelemetry.instrumentation.traceloop", "0.62.4")
    return Span(f"{name}.workflow", scope, {"traceloop.span.kind": "workflow", "traceloop.entity.name": name})


def openinference(call: Call, duration_ms: int, *, name: str, package: str) -> Span:
    """An OpenInference LLM span: counts are inclusive, the provider's raw answer sits in `output.value`."""
    tokens = call.tokens or Tokens()
    spelled = "mistralai" if call.provider == "mistral" else call.provider
    attributes: Attributes = {
        "openinference.span.kind": "LLM",
        "llm.provider": spelled,
        "llm.system": spelled,
        "llm.model_name": call.answered_by,
        "llm.invocation_parameters": json.dumps({"model": call.model, "max_tokens": 4096}),
        "input.value": PROMPT,
        "input.mime_type": "text/plain",
        "output.value": json.dumps({"id": call.response_id, "model": call.answered_by, "text": PROMPT}),
        "output.mime_type": "application/json",
        "llm.finish_reason": "stop",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": PROMPT,
    } | _openinference_usage(tokens)
    return Span(name, (package, "3.1.0"), attributes, duration_ms=duration_ms, call=call)


def openinference_agent(name: str, repeated: Tokens) -> Span:
    """An AGENT span of OpenInference that repeats its children's counts."""
    attributes: Attributes = {"openinference.span.kind": "AGENT", "agent.name": name}
    scope = ("openinference.instrumentation.agno", "1.0.4")
    return Span(name, scope, attributes | _openinference_usage(repeated), aggregate=True)


def anthropic_sdk(call: Call, duration_ms: int) -> Span:
    """The span the Anthropic SDK writes by itself: only this one tells 5 minute and 1 hour cache writes apart."""
    tokens = call.tokens or Tokens()
    attributes: Attributes = {
        "server.address": "api.anthropic.example",
        "server.port": 443,
        "gen_ai.provider.name": "anthropic",
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": call.model,
        "gen_ai.request.max_tokens": 4096,
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "gen_ai.response.id": call.response_id,
        "gen_ai.response.model": call.answered_by,
        "gen_ai.usage.input_tokens": tokens.input,
        "gen_ai.usage.cache_read.input_tokens": tokens.cache_read,
        "gen_ai.usage.cache_write.input_tokens": tokens.cache_write,
        "anthropic.usage.cache_creation.ephemeral_5m_input_tokens": tokens.cache_write_5m,
        "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": tokens.cache_write_1h,
        "anthropic.response.service_tier": "standard",
        "gen_ai.usage.output_tokens": tokens.output,
        "anthropic.message.stop_reason": "end_turn",
    }
    return Span(
        "anthropic.messages.create", ANTHROPIC_SDK, attributes, kind="client", duration_ms=duration_ms, call=call
    )


def vercel_inner(call: Call, duration_ms: int) -> Span:
    """AI SDK 6: one `doStream` step, where the call really happens."""
    tokens = call.tokens or Tokens()
    attributes = _vercel("ai.streamText.doStream", call) | {
        "ai.prompt.messages": _messages("user"),
        "gen_ai.system": _VERCEL_PROVIDER[call.provider],
        "gen_ai.request.model": call.model,
        "gen_ai.response.id": call.response_id,
        "gen_ai.response.model": call.answered_by,
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": tokens.input,
        "gen_ai.usage.output_tokens": tokens.output,
        "ai.response.id": call.response_id,
        "ai.response.model": call.answered_by,
        "ai.response.text": PROMPT,
        "token": KEY,
    }
    attributes |= _vercel_usage(tokens)
    return Span("ai.streamText.doStream", VERCEL, attributes, duration_ms=duration_ms, call=call)


def vercel_outer(calls: list[Call], repeated: Tokens) -> Span:
    """AI SDK 6: the `streamText` span around the steps; it repeats their sum."""
    attributes = _vercel("ai.streamText", calls[0]) | {"ai.prompt": PROMPT, "ai.response.text": PROMPT}
    return Span("ai.streamText", VERCEL, attributes | _vercel_usage(repeated), aggregate=True)


def vercel_tool(name: str, duration_ms: int) -> Span:
    """AI SDK 6: a tool call between two steps."""
    attributes: Attributes = {"ai.operationId": "ai.toolCall", "ai.toolCall.name": name, "ai.toolCall.result": PROMPT}
    return Span("ai.toolCall", VERCEL, attributes, duration_ms=duration_ms)


def _vercel(operation: str, call: Call) -> Attributes:
    return {
        "operation.name": f"{operation} shop-chat",
        "ai.operationId": operation,
        "ai.telemetry.functionId": "shop-chat",
        "ai.model.provider": _VERCEL_PROVIDER[call.provider],
        "ai.model.id": call.model,
        "ai.settings.maxRetries": 2,
        "ai.response.finishReason": "stop",
    }


def _vercel_usage(tokens: Tokens) -> Attributes:
    usage: Attributes = {
        "ai.usage.inputTokens": tokens.input,
        "ai.usage.inputTokenDetails.noCacheTokens": tokens.fresh,
        "ai.usage.inputTokenDetails.cacheReadTokens": tokens.cache_read,
        "ai.usage.outputTokens": tokens.output,
        "ai.usage.outputTokenDetails.reasoningTokens": tokens.reasoning,
        "ai.usage.totalTokens": tokens.input + tokens.output,
        "ai.usage.reasoningTokens": tokens.reasoning,
        "ai.usage.cachedInputTokens": tokens.cache_read,
    }
    if tokens.cache_write:
        usage["ai.usage.inputTokenDetails.cacheWriteTokens"] = tokens.cache_write
    return usage


def _openinference_usage(tokens: Tokens) -> Attributes:
    usage: Attributes = {
        "llm.token_count.prompt": tokens.input,
        "llm.token_count.completion": tokens.output,
        "llm.token_count.total": tokens.input + tokens.output,
    }
    if tokens.cache_read:
        usage["llm.token_count.prompt_details.cache_read"] = tokens.cache_read
    if tokens.cache_write:
        usage["llm.token_count.prompt_details.cache_write"] = tokens.cache_write
    if tokens.reasoning:
        usage["llm.token_count.completion_details.reasoning"] = tokens.reasoning
    return usage


def _genai_usage(tokens: Tokens | None) -> Attributes:
    if tokens is None:
        return {}
    usage: Attributes = {"gen_ai.usage.input_tokens": tokens.input}
    if tokens.output:
        usage["gen_ai.usage.output_tokens"] = tokens.output
    if tokens.cache_read:
        usage["gen_ai.usage.cache_read.input_tokens"] = tokens.cache_read
    if tokens.cache_write:
        usage["gen_ai.usage.cache_write.input_tokens"] = tokens.cache_write
    if tokens.reasoning:
        usage["gen_ai.usage.reasoning.output_tokens"] = tokens.reasoning
    return usage


def _messages(role: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": PROMPT}]}])
