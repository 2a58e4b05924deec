"""From the provider and model names on a call to one model of a catalog, or the reason why there is none.

Resolution is done once per distinct pair of names, in plain Python; the vectorised pricing step joins its results.
Order of trust: the response's model (it names the snapshot served and, on Azure, the true model), then the request's;
on Bedrock the request's first, because only it says which inference profile is billed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Final

import polars as pl

from pricing_tables.aliases import ALIASES
from pricing_tables.match import Kind, Matcher, accept, compile_rule, equal_names
from pricing_tables.names import (
    BEDROCK_VENDORS,
    GOOGLE_OWN,
    PLAIN_PATHS,
    SELF_HOSTED,
    VENDORS,
    Opaque,
    candidates,
    clean_model,
    fold_provider,
    gateway,
    looks_like_bedrock,
    open_arn,
)

_CACHE_LIMIT: Final = 100_000
_NOTE_LIMIT: Final = 300


@dataclass(frozen=True)
class Resolution:
    """`model` is the canonical id `provider/model` (of who bills), `rated_as` the model whose rates apply.

    Both are None when nothing fits; then `note` says why. `match`: exact, rule or alias.
    """

    model: str | None
    rated_as: str | None
    match: Kind | None
    note: str | None = None


@dataclass(frozen=True)
class _ProviderRules:
    """One provider's models: names spelled out whole first, then its rules in the source's order."""

    equal: dict[str, str]
    rules: list[tuple[str, Matcher]]
    fallbacks: list[str]


class Resolver:
    """Resolves names against one catalog's providers and models (frames of the catalog's schemas)."""

    def __init__(self, providers: pl.DataFrame, models: pl.DataFrame) -> None:
        self._providers: dict[str, _ProviderRules] = {}
        self._inference: list[tuple[str, Matcher]] = []
        for row in providers.sort("priority").iter_rows(named=True):
            self._providers[row["provider"]] = _ProviderRules({}, [], json.loads(row["fallback_providers"]))
            if row["model_match"] is not None:
                self._inference.append((row["provider"], compile_rule(json.loads(row["model_match"]))))
        for row in models.sort("provider", "priority").iter_rows(named=True):
            own = self._providers[row["provider"]]
            rule = json.loads(row["match"])
            for name in [*equal_names(rule), row["model"].lower()]:
                own.equal.setdefault(name, row["model"])
            own.rules.append((row["model"], compile_rule(rule)))
        self._cache: dict[tuple[str | None, str | None, str | None], Resolution] = {}

    def resolve(self, provider: str | None, request_model: str | None, response_model: str | None) -> Resolution:
        """The model that a call with these names (as sent) is billed as. Never raises."""
        key = (provider, request_model, response_model)
        known = self._cache.get(key)
        if known is None:
            if len(self._cache) >= _CACHE_LIMIT:
                self._cache.clear()
            known = self._cache[key] = self._resolve(*key)
        return known

    def _resolve(self, provider: str | None, request_model: str | None, response_model: str | None) -> Resolution:
        folded = fold_provider(provider)
        request, response = clean_model(request_model), clean_model(response_model)
        if request is None and response is None:
            return _unknown("no model name")
        # A reseller in the request's path bills the call, even where the response names the model alone.
        route = gateway(request) if request is not None else None
        if route is not None and route[0] not in VENDORS and self._routes(folded, route[0]):
            folded = route[0]
        names = _by_trust(folded, request, response)
        if not names:
            return _unknown(f"azure deployment name, not a model: {request_model}")
        failures = []
        for name in names:
            found = self._resolve_name(folded, name)
            if found.model is not None:
                return found
            failures.append(found)
        return failures[0]

    def _resolve_name(self, provider: str | None, name: str) -> Resolution:
        opened = open_arn(name)
        if isinstance(opened, Opaque):
            return _unknown(f"unknown model: {name} ({opened.reason})")
        rewritten = opened != name
        if rewritten and provider in (None, *VENDORS):
            provider = "aws"
        segments = gateway(opened)
        if segments is not None and segments[0] in SELF_HOSTED:
            return _unknown(f"unknown model: {name} (self-hosted)")
        if segments is not None and self._routes(provider, segments[0]):
            provider, opened = segments
            rewritten = True
        if provider is None:
            provider = self._infer(opened)
            if provider is None:
                return _unknown(f"unknown model: {name} (no provider given)")
        if provider not in self._providers:
            return _unknown(f"unknown provider: {provider}")
        found = self._find(provider, opened)
        if found is None and (segments := gateway(opened)) is not None and segments[0] == provider:
            found = self._find(provider, segments[1])
            rewritten = True
        if found is None:
            return _unknown(f"unknown model: {name}")
        return replace(found, match="alias") if rewritten else found

    def _routes(self, provider: str | None, head: str) -> bool:
        """Does a prefix name who bills? A reseller named as the provider bills whatever the model's path says."""
        if head not in self._providers or head == provider:
            return False
        if provider is None:
            return True
        own = self._providers.get(provider)
        return provider in VENDORS and (own is None or head not in own.fallbacks)

    def _infer(self, name: str) -> str | None:
        """Who bills a name that came without a provider: its maker, where the name is the maker's own spelling."""
        if looks_like_bedrock(name):
            return "aws"
        head, slash, _ = name.partition("/")
        if slash and head not in PLAIN_PATHS:
            return None
        meant = next((provider for provider, matcher in self._inference if matcher(name) is not None), None)
        for vendor in VENDORS:
            own = self._providers.get(vendor)
            if own is not None and name in own.equal and meant in (None, vendor):
                return vendor if vendor != "google" or GOOGLE_OWN.match(name) else None
        return "google" if meant == "anthropic" and "@" in name else meant

    def _find(self, provider: str, name: str) -> Resolution | None:
        for spelling, rewritten in candidates(name, provider):
            for owner in (provider, *self._providers[provider].fallbacks):
                found = self._match(owner, spelling)
                if found is None:
                    continue
                model_id, kind = found
                if owner == provider:
                    return Resolution(f"{provider}/{model_id}", f"{owner}/{model_id}", "alias" if rewritten else kind)
                note = f"{owner} rate used: no {provider} rate"
                return Resolution(f"{provider}/{model_id}", f"{owner}/{model_id}", "alias", note)
        return self._find_stripped(name) if provider == "aws" else None

    def _find_stripped(self, name: str) -> Resolution | None:
        """A Bedrock id whose vendor some instrumentations strip (`nova-lite-v1:0`): the one vendor that has it."""
        found = {f"{vendor}.{name}": self._match("aws", f"{vendor}.{name}") for vendor in BEDROCK_VENDORS}
        models = {match[0] for match in found.values() if match is not None}
        if len(models) != 1 or looks_like_bedrock(name) or "/" in name:
            return None
        model = models.pop()
        return Resolution(f"aws/{model}", f"aws/{model}", "alias")

    def _match(self, provider: str, name: str) -> tuple[str, Kind] | None:
        own = self._providers[provider]
        tuned = name.startswith("ft:") or ".ft-" in name
        if not tuned and name in own.equal:
            return own.equal[name], "exact"
        if (alias := ALIASES.get((provider, name))) is not None and alias.lower() in own.equal:
            return own.equal[alias.lower()], "alias"
        for model_id, matcher in own.rules:
            fit = matcher(name)
            if fit is not None:
                kind = accept(fit, name, model_id, bedrock=provider == "aws")
                if kind is not None:
                    return model_id, kind
        return None


def _by_trust(provider: str | None, request: str | None, response: str | None) -> list[str]:
    """The names to try, the most telling first."""
    if provider == "azure":
        return [response] if response is not None else []
    if request is not None and response is not None and _says_more(provider, request, response):
        return [request] if _is_tuned(request) else [request, response]
    return [name for name in dict.fromkeys((response, request)) if name is not None]


def _says_more(provider: str | None, request: str, response: str) -> bool:
    """Does the request name something billed apart that the response left out?"""
    if provider == "aws" or (provider is None and looks_like_bedrock(request)):
        return True
    return (_is_tuned(request) and not _is_tuned(response)) or request.startswith(f"{response}:")


def _is_tuned(name: str) -> bool:
    return name.rpartition("/")[2].startswith("ft:") or ".ft-" in name


def _unknown(note: str) -> Resolution:
    return Resolution(None, None, None, note[:_NOTE_LIMIT])
