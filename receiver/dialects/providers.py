"""Fold the many spellings of a model provider into one id per biller.

Ids follow the price data of ``genai-prices`` (openai, anthropic, google, aws, azure, x-ai, ...). Who bills is what
matters: Claude through Bedrock is ``aws``, GPT through OpenRouter is ``openrouter``. Names of frameworks in the
provider slot carry no provider; then the model id or the server's host name has to tell.
"""

from typing import Final

import polars as pl

from receiver.dialects.regions import host_name, region

SPELLINGS: Final = {
    "openai": "openai", "open_ai": "openai", "chatopenai": "openai", "openai-responses": "openai",
    "anthropic": "anthropic", "claude": "anthropic", "chatanthropic": "anthropic",
    "google": "google", "gemini": "google", "gcp": "google", "gcp.gemini": "google", "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google", "vertex": "google", "vertex_ai": "google", "vertexai": "google", "vertex-ai": "google",
    "google_genai": "google", "google-genai": "google", "google_vertexai": "google", "google-vertex": "google",
    "google-gla": "google", "google_ai": "google", "google_generativeai": "google", "googleai": "google",
    "aws": "aws", "aws.bedrock": "aws", "bedrock": "aws", "amazon_bedrock": "aws", "amazon-bedrock": "aws",
    "aws_bedrock": "aws", "bedrock_converse": "aws", "amazon": "aws", "chatbedrock": "aws", "sagemaker": "aws",
    "azure": "azure", "azure.ai.openai": "azure", "az.ai.openai": "azure", "azure.openai": "azure",
    "azure_openai": "azure", "azure-openai": "azure", "azureopenai": "azure", "azure.ai.inference": "azure",
    "az.ai.inference": "azure", "azure_ai": "azure", "azure-ai": "azure",
    "mistral": "mistral", "mistralai": "mistral", "mistral_ai": "mistral", "mistral-ai": "mistral",
    "cohere": "cohere", "cohere_chat": "cohere", "deepseek": "deepseek", "groq": "groq",
    "x_ai": "x-ai", "xai": "x-ai", "x-ai": "x-ai", "x.ai": "x-ai", "grok": "x-ai",
    "openrouter": "openrouter", "open_router": "openrouter",
    "together": "together", "together_ai": "together", "together-ai": "together", "togetherai": "together",
    "fireworks": "fireworks", "fireworks_ai": "fireworks", "fireworks-ai": "fireworks",
    "voyage": "voyageai", "voyageai": "voyageai", "voyage_ai": "voyageai",
    "perplexity": "perplexity", "pplx": "perplexity", "cerebras": "cerebras", "baseten": "baseten",
    "moonshot": "moonshotai", "moonshotai": "moonshotai", "moonshot_ai": "moonshotai", "minimax": "minimax",
    "novita": "novita", "cloudflare": "cloudflare", "workers-ai": "cloudflare", "databricks": "databricks",
    "elevenlabs": "elevenlabs", "github_copilot": "github-copilot", "github-copilot": "github-copilot",
    "zai": "zai", "z.ai": "zai", "zhipuai": "zhipuai", "ovhcloud": "ovhcloud", "meta": "meta", "arcee": "arcee",
}  # fmt: skip
"""Lower-case spelling -> canonical id. A dotted spelling that is not listed is tried again by its first part."""

NOT_PROVIDERS: Final = frozenset(
    {
        "langchain", "langgraph", "strands-agents", "strands", "autogen", "microsoft.agent_framework", "litellm",
        "llama_index", "llamaindex", "crewai", "haystack", "dspy", "pydantic-ai", "pydantic_ai", "semantic_kernel",
        "smolagents", "agno", "mastra", "vercel", "gateway", "gcp.vertex.agent", "openai_agents",
        "openai-agents", "openai-agent", "custom",
        "unknown", "none", "null", "other", "_other", "generic", "proxy",
    }
)  # fmt: skip
"""Frameworks, gateways that bill at list price, and placeholders."""

_HOSTS: Final = {
    "openrouter.ai": "openrouter", "api.deepseek.com": "deepseek", "api.groq.com": "groq",
    "api.together.xyz": "together", "api.together.ai": "together", "api.fireworks.ai": "fireworks",
    "api.mistral.ai": "mistral", "api.x.ai": "x-ai", "api.perplexity.ai": "perplexity",
    "api.cerebras.ai": "cerebras", "api.voyageai.com": "voyageai", "api.cohere.com": "cohere",
    "api.cohere.ai": "cohere", "api.moonshot.ai": "moonshotai", "api.novita.ai": "novita",
    "inference.baseten.co": "baseten", "api.anthropic.com": "anthropic", "api.openai.com": "openai",
    "generativelanguage.googleapis.com": "google",
}  # fmt: skip
_CLOUD_HOSTS: Final = (
    (r"^bedrock(?:-[a-z]+)*\.[a-z0-9-]+\.(?:amazonaws\.com|api\.aws)", "aws"),
    (r"(?:^|-)aiplatform\.(?:[a-z]{2}\.rep\.)?googleapis\.com$", "google"),
    (r"^[a-z]{2}\.api\.openai\.com$", "openai"),
    (r"^[a-z0-9-]+\.api\.x\.ai$", "x-ai"),
)
_AZURE_HOSTS: Final = r"\.(?:openai\.azure\.com|cognitiveservices\.azure\.com|services\.ai\.azure\.com)$"

_BEDROCK_ID: Final = (
    r"^(?:arn:aws[\w-]*:bedrock:|(?:(?:us|eu|apac|au|jp|us-gov|global)\.)?"
    r"(?:anthropic|amazon|meta|mistral|cohere|ai21|deepseek|openai|qwen|stability|writer)\.[a-z0-9])"
)
_FAMILIES: Final = (
    (r"^claude-", "anthropic"),
    (r"^(?:gpt-|chatgpt-|o[1-9](?:-|$)|ft:(?:gpt|o[1-9])|text-embedding-(?:3|ada)|dall-e|whisper-|tts-1)", "openai"),
    (r"^(?:models/|publishers/google/models/)?gemini-", "google"),
    (r"^(?:mistral|ministral|magistral|codestral|pixtral|devstral|voxtral)-", "mistral"),
    (r"^(?:command|embed-(?:english|multilingual|v\d)|rerank-)", "cohere"),
    (r"^grok-", "x-ai"),
    (r"^deepseek-", "deepseek"),
    (r"^sonar(?:-|$)", "perplexity"),
    (r"^voyage-", "voyageai"),
)


def fold_provider(spelling: pl.Expr) -> pl.Expr:
    """Canonical id of a provider slot's text; null for frameworks and placeholders; unknown names in lower case."""
    lowered = spelling.str.strip_chars().str.strip_chars('"').str.to_lowercase()
    head = lowered.str.extract(r"^([^.]+)\.", 1)
    known = lowered.replace_strict(SPELLINGS, default=None, return_dtype=pl.String)
    known_head = head.replace_strict(SPELLINGS, default=None, return_dtype=pl.String)
    named = pl.when((lowered.str.len_bytes() > 0) & ~lowered.is_in(NOT_PROVIDERS)).then(lowered)
    return pl.coalesce(known, pl.when(named.is_not_null()).then(known_head), named)


def provider_of_host(host: pl.Expr) -> pl.Expr:
    """Provider whose public API answers at this host name or URL, else null."""
    name = host_name(host)
    exact = name.replace_strict(_HOSTS, default=None, return_dtype=pl.String)
    regional = [pl.when(name.str.contains(pattern)).then(pl.lit(biller)) for pattern, biller in _CLOUD_HOSTS]
    return pl.coalesce(pl.when(name.str.contains(_AZURE_HOSTS)).then(pl.lit("azure")), exact, *regional)


def provider_of_model_path(model: pl.Expr) -> pl.Expr:
    """Provider that the model id itself names: a gateway prefix (``azure/...``) or a Bedrock id; else null."""
    lowered = model.str.to_lowercase()
    prefix = lowered.str.extract(r"^([a-z0-9_.-]+)/", 1).replace_strict(SPELLINGS, default=None, return_dtype=pl.String)
    return (
        pl.when(lowered.str.contains(_BEDROCK_ID))
        .then(pl.lit("aws"))
        .when(lowered.str.starts_with("accounts/fireworks/"))
        .then(pl.lit("fireworks"))
        .when(lowered.str.contains(r"^(?:publishers/google|projects)/"))
        .then(pl.lit("google"))
        .otherwise(prefix)
    )


def provider_of_family(model: pl.Expr) -> pl.Expr:
    """Maker of a model with a well-known family name: a guess about the biller, to be noted as one."""
    lowered = model.str.to_lowercase()
    makers = [pl.when(lowered.str.contains(pattern)).then(pl.lit(maker)) for pattern, maker in _FAMILIES]
    return pl.coalesce(makers)


_SETTLED: Final = ("provider", "provider_inferred", "region")
_TOLD_BY: Final = ("provider", "host", "region", "request_model", "response_model")


def settle_provider(readings: pl.DataFrame) -> pl.DataFrame:
    """Replace ``provider`` by its canonical id, add ``provider_inferred`` (Boolean) and complete ``region``.

    In order: the provider slot; for clients of OpenAI and Anthropic, which others serve too, the host they talk to;
    the model id's own prefix; the model family (inferred). Frame in, frame out; needs provider, host, region,
    request_model, response_model.
    """
    # thousands of calls tell of their provider in a handful of ways, and each way takes dozens of searches
    distinct = readings.select(_TOLD_BY).unique(maintain_order=True)
    settled = _settled(distinct).select(pl.col(name).alias(f"_{name}") for name in _SETTLED)
    known = readings.join(distinct.hstack(settled), on=_TOLD_BY, how="left", nulls_equal=True, maintain_order="left")
    return known.with_columns(pl.col(f"_{name}").alias(name) for name in _SETTLED).drop(settled.columns)


def _settled(readings: pl.DataFrame) -> pl.DataFrame:
    slot, host = fold_provider(pl.col("provider")), provider_of_host(pl.col("host"))
    model = pl.coalesce("request_model", "response_model")
    named = readings.with_columns(
        provider=pl.coalesce(pl.when(slot.is_null() | slot.is_in(("openai", "anthropic"))).then(host), slot),
        provider_inferred=pl.lit(value=False),
        region=region(pl.col("region"), pl.col("host"), model),
    )
    if named["provider"].null_count() == 0:  # the rule; searching model ids is for the rest
        return named
    return named.with_columns(provider=pl.coalesce("provider", provider_of_model_path(model))).with_columns(
        provider=pl.coalesce("provider", provider_of_family(model)),
        provider_inferred=pl.col("provider").is_null() & provider_of_family(model).is_not_null(),
    )
