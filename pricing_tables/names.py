"""Spellings of providers and models, folded to what a catalog's rules are written for.

Telemetry names a model as its SDK, gateway or cloud spells it. What is stripped here never changes the price: a path,
an ARN's frame, a date in another notation. Who bills is kept: a gateway prefix turns into the provider.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

PROVIDER_SPELLINGS: Final[dict[str, str]] = {
    "amazon": "aws",
    "amazon_bedrock": "aws",
    "amazon-bedrock": "aws",
    "aws_bedrock": "aws",
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "bedrock_runtime": "aws",
    "az": "azure",
    "azure_ai": "azure",
    "azure_openai": "azure",
    "azure-openai": "azure",
    "claude": "anthropic",
    "cohere_chat": "cohere",
    "fireworks_ai": "fireworks",
    "fireworks-ai": "fireworks",
    "gcp": "google",
    "gemini": "google",
    "google_genai": "google",
    "google_vertexai": "google",
    "google-vertex": "google",
    "vertex_ai": "google",
    "vertex": "google",
    "vertexai": "google",
    "alibaba": "dashscope",
    "fal": "fal_ai",
    "fal-ai": "fal_ai",
    "github_copilot": "github-copilot",
    "ibm": "watsonx",
    "jina": "jina_ai",
    "mistral_ai": "mistral",
    "mistral-ai": "mistral",
    "mistralai": "mistral",
    "moonshot": "moonshotai",
    "perplexity_ai": "perplexity",
    "perplexity-ai": "perplexity",
    "together_ai": "together",
    "together-ai": "together",
    "vercel": "vercel_ai_gateway",
    "voyage": "voyageai",
    "voyage_ai": "voyageai",
    "x_ai": "x-ai",
    "xai": "x-ai",
    "z-ai": "zai",
    "z.ai": "zai",
}
"""Other spellings of a catalog's provider ids, lower case."""

FRAMEWORKS: Final = frozenset(
    {
        "agent_framework",
        "autogen",
        "crewai",
        "langchain",
        "langgraph",
        "litellm",
        "litellm_proxy",
        "llamaindex",
        "llama_index",
        "microsoft.agent_framework",
        "pydantic-ai",
        "semantic_kernel",
        "strands-agents",
        "unknown",
    }
)
"""Names that instrumentations put in the provider's place but that bill nobody: the model's name decides."""

VENDORS: Final = ("openai", "anthropic", "google", "mistral", "cohere", "x-ai", "deepseek", "voyageai")
"""Providers that sell their own models; every other one resells and bills at its own price."""

SELF_HOSTED: Final = frozenset(
    {
        "docker_model_runner",
        "hosted_vllm",
        "huggingface_tgi",
        "lemonade",
        "llamacpp",
        "llamafile",
        "lm_studio",
        "lmstudio",
        "local",
        "localai",
        "ollama",
        "ollama_chat",
        "sglang",
        "tgi",
        "triton",
        "vllm",
        "xinference",
    }
)
"""Servers that people run themselves: nobody bills by the token, whatever the model's name says."""

PLAIN_PATHS: Final = frozenset({"@cf", "accounts", "models", "projects", "publishers"})
"""First segments of a path that are part of a vendor's own spelling."""

GOOGLE_OWN: Final = re.compile(
    r"gemini|gemma|imagen|veo-|lyria|chirp|text-|textembedding|multimodalembedding|chat-bison|code"
)
"""How names of Google's own models begin, among the many that it resells."""

BEDROCK_GEO: Final = "us|us-gov|eu|apac|au|jp|in|ca|sa|me|af|il|mx|global"
"""Prefixes of Bedrock's cross-region inference profiles, as a pattern."""

BEDROCK_VENDORS: Final = (
    "amazon",
    "anthropic",
    "ai21",
    "cohere",
    "deepseek",
    "google",
    "meta",
    "minimax",
    "mistral",
    "moonshotai",
    "nvidia",
    "openai",
    "qwen",
    "stability",
    "twelvelabs",
    "writer",
    "xai",
    "zai",
)
"""First segments of Bedrock model ids."""

_BEDROCK_ID: Final = re.compile(rf"(?:(?:{BEDROCK_GEO})\.)?(?:{'|'.join(BEDROCK_VENDORS)})\.[a-z]")
_ARN: Final = re.compile(r"arn:aws[a-z-]*:bedrock:(?P<region>[^:]*):[^:]*:(?P<kind>[a-z-]+)/(?P<name>.+)")
_PATHS: Final = re.compile(r"(?:^|.*/)models/(?P<name>[^/]+)")
_PUBLISHER: Final = re.compile(r"(?:.*/)?publishers/(?P<publisher>[^/]+)/models/[^/]+")
_AWS_REGION: Final = re.compile(r"(?:converse/|invoke/)?(?:[a-z]{2}-[a-z]+-\d/)?(?P<name>.+)")
_COMPACT: Final = re.compile(r"(?<=[-@])(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=[-:@]|$)")
_DASHED: Final = re.compile(r"(?<=[-@])(20\d{2})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(?=[-:@]|$)")
_DATED_END: Final = re.compile(r"[-@](?:20\d{2}-\d{2}-\d{2}|20\d{6})$")


@dataclass(frozen=True)
class Opaque:
    """A name that stands for a customer's own object, so that no price table can know it."""

    reason: str


def fold_provider(raw: str | None) -> str | None:
    """Canonical provider id, or None when the name names no provider at all (absent, or a framework)."""
    if raw is None:
        return None
    name = raw.strip().strip('"').lower()
    if not name or name in FRAMEWORKS:
        return None
    if name in PROVIDER_SPELLINGS:
        return PROVIDER_SPELLINGS[name]
    if name.startswith(("azure.", "az.")):
        return "azure"
    # `openai.chat`, `anthropic.messages`, `gcp.vertex_ai`, `aws.bedrock`, `google.generative-ai`
    head = name.partition(".")[0]
    return PROVIDER_SPELLINGS.get(head, head)


def clean_model(raw: str | None) -> str | None:
    """Lower case, unquoted (some instrumentations send JSON strings); None when empty."""
    name = (raw or "").strip().strip('"').strip().lower()
    return name or None


def looks_like_bedrock(name: str) -> bool:
    """Is this a Bedrock model id, inference profile or ARN?"""
    return name.startswith("arn:aws") or _BEDROCK_ID.match(name) is not None


def open_arn(name: str) -> str | Opaque:
    """The model id inside a Bedrock ARN, a model called in one region as `region/id`; other names as they are.

    Profiles that a customer defined are opaque.
    """
    if not name.startswith("arn:"):
        return name
    found = _ARN.fullmatch(name)
    if found is None or found["kind"] not in ("foundation-model", "inference-profile"):
        return Opaque("the ARN does not name a model")
    in_region = found["kind"] == "foundation-model" and found["region"]
    return f"{found['region']}/{found['name']}" if in_region else found["name"]


def gateway(name: str) -> tuple[str, str] | None:
    """(folded first segment, rest) of `segment/rest`; None without a slash."""
    head, slash, rest = name.partition("/")
    if not slash or not head or not rest:
        return None
    return PROVIDER_SPELLINGS.get(head, head), rest


def candidates(name: str, provider: str) -> Iterator[tuple[str, bool]]:
    """(spelling, rewritten) to try with a provider's rules, the sender's own first, each once."""
    seen: set[str] = set()
    for spelling in _spellings(name, provider):
        if spelling not in seen:
            seen.add(spelling)
            yield spelling, spelling != name


def _spellings(name: str, provider: str) -> Iterator[str]:
    forms = [name]
    if found := _PATHS.fullmatch(name):
        forms.append(found["name"])
        if publisher := _PUBLISHER.fullmatch(name):
            forms.append(f"{publisher['publisher']}/{found['name']}")
    if provider == "aws" and (region := _AWS_REGION.fullmatch(name)) and not name.startswith("us-gov-"):
        forms.append(region["name"])
    if provider == "google":
        forms += [form.removesuffix("@default") for form in forms if form.endswith("@default")]
        forms += [form.replace("@", "-") for form in forms if "@" in form]
    yield from forms
    forms += [_COMPACT.sub(r"\1-\2-\3", form) for form in forms] + [_DASHED.sub(r"\1\2\3", form) for form in forms]
    yield from forms
    # A snapshot that the catalog does not list has the price of its family.
    yield from (_DATED_END.sub("", form) for form in forms)
