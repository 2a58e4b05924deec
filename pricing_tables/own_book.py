"""The operator's own prices, compiled: rules in the order in which they are asked, and a catalog of their rates.

Unit prices become a catalog like any other, with one model per rule, so that tiers, caches and exactness are those of
list prices, and every row can name its rate. The provider and model of such a rate are made up for the look-up; the
rows for the lake (`own_rates`) say for which provider and model the rule is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

import polars as pl

from pricing_tables.cards import build_cards
from pricing_tables.catalog import MODEL_SCHEMA, PROVIDER_SCHEMA, RATE_SCHEMA, Catalog, CatalogData
from pricing_tables.fx import DOLLAR, FxTable, parse_fx
from pricing_tables.own_fields import OwnPriceError
from pricing_tables.own_rules import Alias, OwnRule, parse_aliases, parse_overrides
from pricing_tables.rates import rates_frame

PROVIDER: Final = "own"
SOURCE: Final = "overrides"
ID_PREFIX: Final = "own_"
"""How the ids of these catalogs begin: they are no files, and no later catalog can be chosen in their place."""

_RATED: Final = ("prices", "per_second", "per_hour")
_HOUR_SECONDS: Final = 3600


@dataclass(frozen=True)
class OwnBook:
    """All rules and aliases in the order of the file."""

    rules: tuple[OwnRule, ...] = ()
    aliases: tuple[Alias, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether every call has its list price under its own name."""
        return not self.rules and not self.aliases

    @property
    def rated(self) -> bool:
        """Whether any rule has a rate of its own."""
        return any(rule.kind in _RATED for rule in self.rules)

    @property
    def hourly(self) -> bool:
        """Whether any rule shares a machine's hour."""
        return any(rule.kind == "per_hour" for rule in self.rules)

    @cached_property
    def order(self) -> tuple[int, ...]:
        """Numbers of the rules, the most telling first: the first that fits a call and its time holds."""
        return tuple(sorted(range(len(self.rules)), key=lambda number: _rank(self.rules[number], number)))

    @cached_property
    def customers(self) -> frozenset[str]:
        """Customers with a rule of their own."""
        return frozenset(rule.customer for rule in self.rules if rule.customer is not None)

    @cached_property
    def by_name(self) -> dict[str, int]:
        """Number of each rule."""
        return {rule.name: number for number, rule in enumerate(self.rules)}

    @cached_property
    def catalog(self) -> Catalog:
        """The rules' own rates, to price with: provider `own`, model `rule-N` of rule N."""
        rated = [(number, rule) for number, rule in enumerate(self.rules) if rule.kind in _RATED]
        version = hashlib.sha256(repr([rule for _, rule in rated]).encode()).hexdigest()[:12]
        models = [
            {"provider": PROVIDER, "model": key_of(number), "priority": number, "name": rule.name, "match": _NEVER}
            for number, rule in rated
        ]
        provider = {"provider": PROVIDER, "priority": 0, "name": "own prices", "fallback_providers": "[]"}
        rates = [row for number, rule in rated for row in _rate_rows(number, rule)]
        data = CatalogData(
            source=SOURCE,
            source_version=version,
            licence="",
            rates=pl.DataFrame(rates, schema=RATE_SCHEMA),
            models=pl.DataFrame(models, schema=MODEL_SCHEMA),
            providers=pl.DataFrame([provider], schema=PROVIDER_SCHEMA),
        )
        now = datetime.now(UTC).replace(microsecond=0)
        return Catalog(ID_PREFIX + data.catalog_id, SOURCE, version, "", now, data)

    @cached_property
    def rate_ids(self) -> pl.Series:
        """The id of each rule's base rate, null for rules without one."""
        base = self.catalog.rates.filter(pl.col("tier_min") == 0).select("model", "rate_id")
        ids = dict(base.iter_rows())
        found = [ids.get(f"{PROVIDER}/{key_of(number)}") for number in range(len(self.rules))]
        return pl.Series("rate_id", found, dtype=pl.String)


def parse_book(
    overrides: Sequence[Mapping[str, Any]], aliases: Sequence[Mapping[str, Any]], fx: Sequence[Mapping[str, Any]]
) -> tuple[OwnBook, FxTable]:
    """The configuration's `[[pricing.override]]`, `[[pricing.alias]]` and `[[pricing.fx]]` tables, compiled.

    Raises OwnPriceError with one line that names the entry and the key.
    """
    table = parse_fx(fx)
    book = OwnBook(parse_overrides(overrides, table.currencies), parse_aliases(aliases))
    for number, rule in enumerate(book.rules, start=1):
        rates = pl.DataFrame(_rate_rows(number, rule), schema=RATE_SCHEMA) if rule.kind == "prices" else None
        try:
            if rates is not None:
                build_cards(rates.with_columns(pl.lit("").alias("rate_id")))
        except ValueError as error:
            raise OwnPriceError(f"pricing.override entry {number} ({rule.name}): prices: {error}") from None
    return book, table


def own_rates(book: OwnBook) -> pl.DataFrame:
    """The book's rates as rows of the lake's table: `rates_frame` and `compute_hours` (Decimal(38,18), per hour).

    provider, model and the time in force are those of the rule, `*` being any; `note` is its name.
    """
    rows = rates_frame(book.catalog)
    number = rows["model"].str.split("-").list.last().cast(pl.UInt32)
    rules = pl.DataFrame(
        [
            (rule.name, rule.provider or "*", rule.model or "*", rule.valid_from, rule.valid_to, _per_hour(rule))
            for rule in book.rules
        ],
        schema={
            "note": pl.String,
            "provider": pl.String,
            "model": pl.String,
            "valid_from": pl.Datetime("us", "UTC"),
            "valid_to": pl.Datetime("us", "UTC"),
            "compute_hours": pl.Decimal(38, 18),
        },
        orient="row",
    )
    return rows.with_columns(rules.select(pl.all().gather(number)).get_columns())


def key_of(number: int) -> str:
    """The model under which the book's catalog has the rates of a rule."""
    return f"rule-{number}"


_NEVER: Final = '{"equals": ""}'


def _rank(rule: OwnRule, number: int) -> tuple[object, ...]:
    """Ascending: customer, then provider and model, model, provider; longer names; more conditions; latest start."""
    name = rule.model or ""
    conditions = sum(value is not None for value in (rule.service_tier, rule.batch, rule.region))
    start = rule.valid_from.timestamp() if rule.valid_from is not None else float("-inf")
    return (
        rule.customer is None,
        rule.model is None,
        rule.provider is None,
        name.endswith("*"),
        -len(name),
        -conditions,
        -start,
        number,
    )


def _rate_rows(number: int, rule: OwnRule) -> list[dict[str, Any]]:
    """Rows of `RATE_SCHEMA`. The rule's time is not in them: whether it holds is decided before."""
    key = {
        "provider": PROVIDER,
        "model": f"{PROVIDER}/{key_of(number)}",
        "note": rule.name,
        "currency": None if rule.currency == DOLLAR else rule.currency,
    }
    return [{**key, "tier_min": start, **dict(units)} for start, units in rule.prices or ((0, ()),)]


def _per_hour(rule: OwnRule) -> Decimal | None:
    if rule.rate is None:
        return None
    return rule.rate * _HOUR_SECONDS if rule.kind == "per_second" else rule.rate
