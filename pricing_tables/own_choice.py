"""Which of the operator's rules holds for each call: asked once per distinct combination of names, then by its time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from pricing_tables.catalog import Catalog
from pricing_tables.names import clean_model, fold_provider
from pricing_tables.own_book import OwnBook
from pricing_tables.own_rules import Alias, OwnRule

_NAMES: Final = ("provider", "request_model", "response_model")
_FACTS: Final[dict[str, pl.DataType]] = {
    "provider": pl.String(),
    "request_model": pl.String(),
    "response_model": pl.String(),
    "model": pl.String(),
    "service_tier": pl.String(),
    "batch": pl.Boolean(),
    "region": pl.String(),
    "customer_id": pl.String(),
}
_STANDARD_TIERS: Final = frozenset({"", "auto", "default", "on_demand", "standard", "standard_only"})
_NUMBER: Final = pl.UInt32


def choose_rules(calls: pl.DataFrame, book: OwnBook, catalog: Catalog) -> pl.Series:
    """The number of the rule that holds for each call (UInt32), null where the list price holds.

    calls: occurred_at, provider, request_model, response_model and `model` (as the catalog resolved it, null when it
    could not); service_tier, batch, region and customer_id as far as they are there. Rows keep their order.
    """
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in _FACTS.items() if name not in calls.columns]
    # Customers without a rule of their own are all alike.
    known = pl.Series(sorted(book.customers), dtype=pl.String)
    facts = calls.with_columns(absent).select(*_FACTS, "occurred_at")
    facts = facts.with_columns(pl.when(pl.col("customer_id").is_in(known.implode())).then("customer_id"))
    distinct = facts.select(list(_FACTS)).unique(maintain_order=True)
    candidates = []
    for row in distinct.iter_rows(named=True):
        call = _facts(row, catalog)
        fitting = [number for number in book.order if _fits(book.rules[number], call)]
        candidates.append(_until_dateless([(number, book.rules[number]) for number in fitting]))
    return _first_in_force(facts, distinct, candidates, book.rules)


def with_aliases(calls: pl.DataFrame, book: OwnBook, catalog: Catalog) -> tuple[pl.DataFrame, pl.Series]:
    """The calls under the names that the operator's aliases give them, and which ones have one (Boolean).

    calls: occurred_at, provider, request_model, response_model. Only the names change.
    """
    distinct = calls.select(_NAMES).unique(maintain_order=True)
    latest = sorted(enumerate(book.aliases), key=lambda item: _alias_rank(item[1]))
    candidates = []
    for provider, request, response in distinct.iter_rows():
        sent, folded = {clean_model(request), clean_model(response)}, fold_provider(provider)
        fitting = [
            (number, alias) for number, alias in latest if alias.name in sent and alias.provider in (None, folded)
        ]
        candidates.append(_until_dateless(fitting))
    if not any(candidates):
        return calls, pl.Series("alias", [False]).new_from_index(0, calls.height)
    alias = _first_in_force(calls, distinct, candidates, book.aliases)
    named = calls.with_columns(alias.alias("_alias"))
    pairs = named.filter(pl.col("_alias").is_not_null()).select("provider", "_alias").unique(maintain_order=True)
    meant = [_meant(provider, book.aliases[number], catalog) for provider, number in pairs.iter_rows()]
    schema = {"_provider": pl.String, "_model": pl.String}
    pairs = pairs.hstack(pl.DataFrame(meant, schema=schema, orient="row"))
    named = named.join(pairs, on=["provider", "_alias"], how="left", nulls_equal=True, maintain_order="left")
    has = pl.col("_alias").is_not_null()
    named = named.with_columns(
        pl.when(has).then("_provider").otherwise("provider").alias("provider"),
        pl.when(has).then("_model").otherwise("request_model").alias("request_model"),
        pl.when(has).then("_model").otherwise("response_model").alias("response_model"),
    )
    return named.drop("_alias", *schema), alias.is_not_null()


@dataclass(frozen=True)
class _Call:
    """What rules ask about a call: who bills it, the names it goes by (lower case), and how it was served."""

    provider: str | None
    names: frozenset[str]
    service_tier: str
    batch: bool
    region: str
    customer: str | None


def _facts(row: dict[str, Any], catalog: Catalog) -> _Call:
    model = row["model"]
    request, response = clean_model(row["request_model"]), clean_model(row["response_model"])
    names = {response}
    if model is not None:
        names |= {model.lower(), model.lower().partition("/")[2]}
    # A deployment may be called like a model that it is not: a request's name counts unless it means another model.
    if model is None or response is None or not _means_another(row["provider"], request, model, catalog):
        names.add(request)
    tier = (row["service_tier"] or "").strip().lower().removeprefix("service_tier_")
    batch = bool(row["batch"]) or tier == "batch"
    return _Call(
        provider=model.partition("/")[0] if model is not None else fold_provider(row["provider"]),
        names=frozenset(name for name in names if name),
        service_tier="standard" if tier in _STANDARD_TIERS else tier,
        batch=batch,
        region=(row["region"] or "").strip().lower(),
        customer=row["customer_id"],
    )


def _means_another(provider: str | None, request: str | None, model: str, catalog: Catalog) -> bool:
    found = catalog.resolver.resolve(provider, None, request).model if request is not None else None
    return found is not None and found != model


def _fits(rule: OwnRule, call: _Call) -> bool:
    tier = "standard" if rule.service_tier in _STANDARD_TIERS else rule.service_tier
    return (
        rule.provider in (None, call.provider)
        and (rule.model is None or any(_like(rule.model, name) for name in call.names))
        and rule.customer in (None, call.customer)
        and tier in (None, call.service_tier)
        and rule.batch in (None, call.batch)
        and (rule.region is None or _like(rule.region, call.region))
    )


def _like(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _alias_rank(alias: Alias) -> tuple[bool, float]:
    start = alias.valid_from.timestamp() if alias.valid_from is not None else float("-inf")
    return alias.provider is None, -start


def _meant(provider: str | None, alias: Alias, catalog: Catalog) -> tuple[str | None, str]:
    """(provider, model) to look up: of the call's own provider, else of the one that the alias's model begins with."""
    if catalog.resolver.resolve(provider, alias.model, alias.model).rated_as is None:
        head, _, rest = alias.model.partition("/")
        if rest and catalog.resolver.resolve(head, rest, rest).rated_as is not None:
            return head, rest
    return provider, alias.model


def _until_dateless(ranked: Sequence[tuple[int, OwnRule | Alias]]) -> list[int]:
    """The numbers up to the first that holds at any time: those after it are never asked."""
    numbers = []
    for number, entry in ranked:
        numbers.append(number)
        if entry.valid_from is None and entry.valid_to is None:
            break
    return numbers


def _first_in_force(
    calls: pl.DataFrame, distinct: pl.DataFrame, candidates: list[list[int]], entries: Sequence[OwnRule | Alias]
) -> pl.Series:
    """For each call the first of its candidates (one list per row of `distinct`) that is in force when it happened."""
    lists = pl.Series("_candidates", candidates, dtype=pl.List(_NUMBER))
    keys = distinct.columns
    joined = calls.select(*keys, "occurred_at").join(
        distinct.with_columns(lists), on=keys, how="left", nulls_equal=True, maintain_order="left"
    )
    moment = pl.Datetime("us", "UTC")
    starts = pl.Series("start", [entry.valid_from for entry in entries], dtype=moment)
    ends = pl.Series("end", [entry.valid_to for entry in entries], dtype=moment)
    chosen = pl.Series("number", [None], dtype=_NUMBER).new_from_index(0, calls.height)
    for place in reversed(range(max(map(len, candidates), default=0))):
        number = joined["_candidates"].list.get(place, null_on_oob=True)
        at = pl.DataFrame({"n": number, "s": starts.gather(number), "e": ends.gather(number), "chosen": chosen})
        at = at.with_columns(joined["occurred_at"].alias("t"))
        begun = pl.col("s").is_null() | (pl.col("s") <= pl.col("t")).fill_null(value=False)
        holds = begun & (pl.col("e").is_null() | (pl.col("t") < pl.col("e")).fill_null(value=False))
        chosen = at.select(pl.when(pl.col("n").is_not_null() & holds).then("n").otherwise("chosen")).to_series()
    return chosen.alias("number")
