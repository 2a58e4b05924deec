"""Which model a call's names mean. Names as telemetry really spells them."""

from __future__ import annotations

import pytest

from pricing_tables.catalog import Catalog

KNOWN = [
    # provider, request model, response model -> model, match
    ("openai", "gpt-4o", "gpt-4o-2024-08-06", "openai/gpt-4o", "exact"),
    ("openai", "gpt-4o-mini-2024-07-18", None, "openai/gpt-4o-mini", "exact"),
    ("openai.chat", "GPT-4o", None, "openai/gpt-4o", "exact"),
    ("openai", '"gpt-5"', None, "openai/gpt-5", "exact"),
    ("openai", "openai/gpt-4o", None, "openai/gpt-4o", "alias"),
    ("openai", "gpt-5.2-20251211", None, "openai/gpt-5.2", "alias"),
    ("openai", "gpt-5-2027-01-01", None, "openai/gpt-5", "alias"),
    ("openai", "gpt-5-nano-2025-08-07", None, "openai/gpt-5-nano", "rule"),
    ("openai", "ft:gpt-4o-2024-08-06:acme::abc", None, "openai/ft:gpt-4o", "rule"),
    ("anthropic", "claude-sonnet-4-5", None, "anthropic/claude-sonnet-4-5", "exact"),
    ("anthropic", "claude-sonnet-4-5-20250929", None, "anthropic/claude-sonnet-4-5", "rule"),
    ("anthropic", "claude-sonnet-4-20250514", None, "anthropic/claude-sonnet-4-0", "rule"),
    ("anthropic", "claude-3-5-sonnet-latest", None, "anthropic/claude-3-5-sonnet", "alias"),
    ("google", "models/gemini-2.5-flash", None, "google/gemini-2.5-flash", "alias"),
    (
        "google",
        "projects/p/locations/l/publishers/google/models/gemini-2.5-pro",
        None,
        "google/gemini-2.5-pro",
        "alias",
    ),
    ("gcp.vertex_ai", "claude-sonnet-4-5@20250929", None, "google/claude-sonnet-4-5", "rule"),
    ("google", "gemini-2.0-flash-001", None, "google/gemini-2.0-flash", "rule"),
    ("groq", "openai/gpt-oss-120b", None, "groq/openai/gpt-oss-120b", "exact"),
    ("openrouter", "anthropic/claude-sonnet-4.5", None, "openrouter/anthropic/claude-sonnet-4.5", "exact"),
    ("azure", "my-deployment", "gpt-4o-2024-08-06", "azure/gpt-4o", "exact"),
    ("azure", "o4-mini", "o4-mini-deep-research", "azure/o4-mini-deep-research", "alias"),
]


@pytest.mark.parametrize(("provider", "request_model", "response", "model", "match"), KNOWN)
def test_known_names(
    catalog: Catalog, provider: str, request_model: str, response: str | None, model: str, match: str
) -> None:
    found = catalog.resolver.resolve(provider, request_model, response)
    assert (found.model, found.match) == (model, match)


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("openai", "gpt-4o-preview"),
        ("openai", "gpt-5-nano-audio"),
        ("openai", "gpt-4-turbo-preview-x"),
        ("google", "gemini-2.5-pro-exp-03-25"),
        ("google", "gemini-2.5-pro-preview-09-09"),
        ("google", "gemini-1.5-flash-8b"),
        ("anthropic", "claude-sonnet-4-5-thinking"),
        ("anthropic", "claude-opus-4-10"),
        ("cohere", "command-light-nightly"),
        ("deepseek", "deepseek-chat-v3.1"),
        ("openrouter", "anthropic/claude-sonnet-4.5:nitro"),
        ("aws", "us-gov.nvidia.nemotron-nano-9b-v9"),
    ],
)
def test_a_sibling_is_not_the_model(catalog: Catalog, provider: str, name: str) -> None:
    found = catalog.resolver.resolve(provider, name, None)
    assert found.model is None
    assert found.note == f"unknown model: {name}"


@pytest.mark.parametrize("base", ["gpt-4.1-2025-04-14", "gpt-4-0613", "o4-mini-2025-04-16"])
def test_a_fine_tune_has_the_price_of_fine_tunes(catalog: Catalog, base: str) -> None:
    found = catalog.resolver.resolve("openai", f"ft:{base}:acme::x", base)
    assert (found.rated_as, found.match) == (f"openai/ft:{base}", "rule")


@pytest.mark.parametrize("base", ["gpt-5-2025-08-07", "gpt-4-turbo-2024-04-09", "o3-2025-04-16"])
def test_a_fine_tune_never_gets_the_price_of_its_base(catalog: Catalog, base: str) -> None:
    assert catalog.resolver.resolve("openai", base, None).model is not None
    assert catalog.resolver.resolve("openai", f"ft:{base}:acme::x", None).model is None
    # The response may name the base model alone; the request knows better.
    assert catalog.resolver.resolve("openai", f"ft:{base}:acme::x", base).model is None


def test_an_azure_request_names_a_deployment_even_when_it_looks_like_a_model(catalog: Catalog) -> None:
    found = catalog.resolver.resolve("azure", "gpt-4o", None)
    assert (found.model, found.note) == (None, "azure deployment name, not a model: gpt-4o")


ARN = "arn:aws:bedrock:us-east-1:123456789012"
HAIKU = "anthropic.claude-haiku-4-5-20251001-v1:0"


@pytest.mark.parametrize("provider", ["aws", "aws.bedrock", "bedrock", None])
@pytest.mark.parametrize(
    ("name", "profile"),
    [
        (HAIKU, "regional"),
        (f"us.{HAIKU}", "regional"),
        (f"eu.{HAIKU}", "regional"),
        (f"global.{HAIKU}", "global"),
        (f"{ARN}:inference-profile/us.{HAIKU}", "regional"),
        (f"{ARN}:inference-profile/global.{HAIKU}", "global"),
        (f"arn:aws:bedrock:us-east-1::foundation-model/{HAIKU}", "regional"),
        (f"bedrock/converse/us.{HAIKU}", "regional"),
        (f"bedrock/us-east-1/{HAIKU}", "regional"),
    ],
)
def test_bedrock_ids_and_profiles(catalog: Catalog, provider: str | None, name: str, profile: str) -> None:
    # The response's bare model name would lose which profile is billed.
    found = catalog.resolver.resolve(provider, name, "claude-haiku-4-5-20251001")
    assert found.model == f"aws/{profile}.{HAIKU}"


@pytest.mark.parametrize("kind", ["application-inference-profile", "provisioned-model"])
def test_a_customers_own_bedrock_object_says_nothing_of_its_model(catalog: Catalog, kind: str) -> None:
    assert catalog.resolver.resolve("aws", f"{ARN}:{kind}/abc123", None).model is None


@pytest.mark.parametrize(
    ("provider", "name", "model"),
    [
        (None, "gpt-4o-mini", "openai/gpt-4o-mini"),
        ("langchain", "gpt-4o-mini", "openai/gpt-4o-mini"),
        (None, "text-embedding-3-small", "openai/text-embedding-3-small"),
        (None, "claude-sonnet-4-5@20250929", "google/claude-sonnet-4-5"),
        ("litellm", "groq/llama-3.3-70b-versatile", "groq/llama-3.3-70b-versatile"),
        (None, "openrouter/deepseek/deepseek-r1:free", "openrouter/deepseek/deepseek-r1:free"),
        ("openai", "openrouter/anthropic/claude-3.5-sonnet", "openrouter/anthropic/claude-3.5-sonnet"),
    ],
)
def test_without_a_provider_the_name_says_who_bills(
    catalog: Catalog, provider: str | None, name: str, model: str
) -> None:
    assert catalog.resolver.resolve(provider, name, None).model == model


def test_the_gateway_in_the_request_bills_even_if_the_response_forgets_it(catalog: Catalog) -> None:
    found = catalog.resolver.resolve("openai", "openrouter/anthropic/claude-3.5-sonnet", "anthropic/claude-3.5-sonnet")
    assert found.model == "openrouter/anthropic/claude-3.5-sonnet"


def test_a_free_variant_asked_for_is_not_billed_as_the_paid_one(catalog: Catalog) -> None:
    found = catalog.resolver.resolve("openrouter", "deepseek/deepseek-r1:free", "deepseek/deepseek-r1")
    assert found.model == "openrouter/deepseek/deepseek-r1:free"


def test_an_unknown_host_is_not_the_maker_of_the_model(catalog: Catalog) -> None:
    assert catalog.resolver.resolve("ollama", "deepseek-r1", None).note == "unknown provider: ollama"
    assert catalog.resolver.resolve(None, "llama3", None).model is None
    assert catalog.resolver.resolve(None, None, None).note == "no model name"


@pytest.mark.parametrize(
    ("provider", "name", "model"),
    [
        (
            "aws",
            "arn:aws:bedrock:eu-west-1::foundation-model/meta.llama3-8b-instruct-v1:0",
            "aws/eu-west-1/meta.llama3-8b-instruct-v1:0",
        ),
        ("aws", "bedrock/us-gov-west-1/amazon.nova-pro-v1:0", "aws/us-gov-west-1/amazon.nova-pro-v1:0"),
        ("aws", f"arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/{HAIKU}", f"aws/us-gov-west-1/{HAIKU}"),
        ("aws", "us-gov.anthropic.claude-sonnet-5", "aws/us-gov.anthropic.claude-sonnet-5"),
        ("aws", "eu.amazon.nova-lite-v1:0", "aws/eu.amazon.nova-lite-v1:0"),
        ("azure", "eu/gpt-5.1", "azure/eu/gpt-5.1"),
    ],
)
def test_a_place_that_is_priced_apart_is_a_model_of_its_own(
    catalog: Catalog, provider: str, name: str, model: str
) -> None:
    assert catalog.resolver.resolve(provider, None, name).model == model


def test_govcloud_is_never_priced_as_the_commercial_cloud(catalog: Catalog) -> None:
    name = "arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/meta.llama4-scout-17b-instruct-v1:0"
    assert catalog.resolver.resolve("aws", name, None).model is None


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("nova-lite-v1:0", "aws/amazon.nova-lite-v1:0"),
        ("llama3-8b-instruct-v1:0", "aws/meta.llama3-8b-instruct-v1:0"),
        ("claude-sonnet-4-5-20250929-v1:0", "aws/regional.anthropic.claude-sonnet-4-5-20250929-v1:0"),
    ],
)
def test_bedrock_ids_whose_vendor_an_instrumentation_stripped(catalog: Catalog, name: str, model: str) -> None:
    assert catalog.resolver.resolve("aws", name, name).model == model


@pytest.mark.parametrize("provider", [None, "openai", "langchain"])
@pytest.mark.parametrize(
    "name", ["ollama/deepseek-r1", "hosted_vllm/claude-sonnet-4-5", "lm_studio/openai/gpt-oss-20b"]
)
def test_a_server_of_ones_own_bills_nothing(catalog: Catalog, provider: str | None, name: str) -> None:
    assert catalog.resolver.resolve(provider, name, None).note == f"unknown model: {name} (self-hosted)"


@pytest.mark.parametrize(
    "name", ["meta-llama/Llama-3.3-70B-Instruct", "prod/claude-sonnet-4-5", "jamba-1.5", "codestral-2", "glm-5-2"]
)
def test_without_a_provider_nobody_is_guessed_who_resells_the_model(catalog: Catalog, name: str) -> None:
    assert catalog.resolver.resolve(None, name, None).model is None


@pytest.mark.parametrize(
    ("provider", "name", "model"),
    [
        ("z.ai", "glm-4.7", "zai/glm-4.7"),
        ("ibm.watsonx.ai", "meta-llama/llama-3-3-70b-instruct", "watsonx/meta-llama/llama-3-3-70b-instruct"),
        ("deepinfra", "meta-llama/Llama-3.3-70B-Instruct", "deepinfra/meta-llama/Llama-3.3-70B-Instruct"),
        (
            "gcp.vertex_ai",
            "publishers/meta/models/llama-3.3-70b-instruct-maas",
            "google/meta/llama-3.3-70b-instruct-maas",
        ),
    ],
)
def test_models_that_only_the_second_source_has(catalog: Catalog, provider: str, name: str, model: str) -> None:
    assert (catalog.resolver.resolve(provider, name, None).model or "").lower() == model.lower()
