"""What a key of LiteLLM's price map names: who bills, the model, and the place where it is served.

Keys mix routes, clouds, regions and model names: `bedrock/eu-west-1/meta.llama3…`, `eu.amazon.nova…`, `azure/us/gpt-5`,
`vertex_ai/claude…@…`, `xai/grok-4`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from pricing_tables.names import BEDROCK_GEO, PROVIDER_SPELLINGS

_PROVIDERS: Final[dict[str, str]] = {
    "azure_text": "azure",
    "bedrock_mantle": "aws",
    "codestral": "mistral",
    "fireworks_ai-embedding-models": "fireworks",
    "text-completion-codestral": "mistral",
    "text-completion-inception": "inception",
    "text-completion-openai": "openai",
}
"""LiteLLM's provider names that are no spelling anyone would send."""

_NOBODY_BILLS: Final = frozenset(
    {
        "agentcore",
        "chatgpt",
        "duckduckgo",
        "lemonade",
        "microsoft_365_copilot",
        "ollama",
        "oobabooga",
        "petals",
        "sagemaker",
        "searxng",
    }
)
"""Self-hosted, by the hour, or part of a subscription: the map's zeros are not prices."""

_SIZED: Final = re.compile(r"(?:^|/)(?:\d+-x-\d+|max-x-max|\d+-steps|max-steps)/")
_COMMITTED: Final = re.compile(r"-month-commitment/")
_AWS_PATH: Final = re.compile(r"(?:(?P<region>[a-z]{2}(?:-gov)?-[a-z]+-\d)/)?(?P<name>.+)")
_GEO: Final = re.compile(rf"(?P<geo>{BEDROCK_GEO})\.(?P<name>.+)")
_AZURE_PATH: Final = re.compile(r"(?P<zone>eu|us|us-gov|apac|global|global-standard)/(?P<name>.+)")


@dataclass(frozen=True)
class Key:
    """`name` is what the provider's own API is asked for; `region` the cloud region, geo profile or data zone.

    `bare` is the name without its region. `rank` orders keys of the same name, the most telling first.
    """

    provider: str
    name: str
    bare: str
    region: str | None = None
    rank: int = 0


def read_key(key: str, litellm_provider: str | None) -> Key | None:
    """What `key` names; None for what is no model with a price of its own (image sizes, commitments, self-hosted)."""
    if not litellm_provider or litellm_provider in _NOBODY_BILLS or _SIZED.search(key) or _COMMITTED.search(key):
        return None
    provider = _provider(litellm_provider)
    head, slash, rest = key.partition("/")
    if slash and _provider(head) == "azure":
        provider = "azure"
    name = rest if slash and _provider(head) == provider else key
    if provider == "aws":
        return _aws(name, mantle=head == "bedrock_mantle")
    if provider == "azure":
        return _azure(name, rank=0 if head == "azure" else 1)
    return Key(provider, name, name, rank=0 if head in ("gemini", litellm_provider) else 1)


def _provider(name: str) -> str:
    if name in _PROVIDERS:
        return _PROVIDERS[name]
    if name.startswith("vertex_ai"):
        return "google"
    return PROVIDER_SPELLINGS.get(name, name)


def _aws(name: str, *, mantle: bool) -> Key | None:
    for route in ("converse/", "invoke/"):
        name = name.removeprefix(route)
    path = _AWS_PATH.fullmatch(name)
    if path is None or name.startswith("*/"):
        return None
    region, bare = path["region"], path["name"]
    geo = _GEO.fullmatch(bare)
    if geo is not None and geo["geo"] != "global":
        return Key("aws", name, geo["name"], geo["geo"], rank=int(mantle))
    return Key("aws", name, bare, region, rank=int(mantle))


def _azure(name: str, *, rank: int) -> Key:
    zone = _AZURE_PATH.fullmatch(name)
    if zone is None:
        return Key("azure", name, name, rank=rank)
    if zone["zone"].startswith("global"):
        return Key("azure", zone["name"], zone["name"], rank=rank + 2)
    return Key("azure", name, zone["name"], zone["zone"], rank=rank)
