"""Price quotes under the operator's own rules: what `quote` answers, then the rule that holds for each line.

A line may also have `customer`, `region` and, for machines charged by time, `duration_ns`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice, tee
from typing import Any, Final

import polars as pl

from pricing_tables.catalog import Catalog
from pricing_tables.fx import FxTable
from pricing_tables.overrides import apply_rules, foreign_rates
from pricing_tables.own_book import PROVIDER, OwnBook, key_of
from pricing_tables.own_choice import choose_rules, with_aliases
from pricing_tables.own_money import PARTS
from pricing_tables.price import COMPONENTS, MONEY
from pricing_tables.quote import plain, quote

_BATCH: Final = 20_000
_ASKED: Final[dict[str, pl.DataType]] = {
    "provider": pl.String(),
    "request_model": pl.String(),
    "response_model": pl.String(),
    "service_tier": pl.String(),
    "batch": pl.Boolean(),
    "region": pl.String(),
    "customer_id": pl.String(),
    "occurred_at": pl.Datetime("us", "UTC"),
    "duration_ns": pl.Int64(),
    "reported_cost_usd": MONEY,
}
_ANSWERED: Final[dict[str, pl.DataType]] = {
    "model": pl.String(),
    "match": pl.String(),
    "rate_id": pl.String(),
    "catalog_id": pl.String(),
    "rate_note": pl.String(),
    **dict.fromkeys((*PARTS, "cost_usd"), MONEY),
    "status": pl.String(),
    "price_rule": pl.String(),
    "original_currency": pl.String(),
    "original_cost": MONEY,
    "fx_rate": MONEY,
    "currency": pl.String(),
}
_TEXTS: Final = ("region", "customer")


def quote_with_rules(lines: Iterable[str], catalog: Catalog, book: OwnBook, fx: FxTable) -> Iterator[str]:
    """Answer JSON lines like `quote`, with `price_rule` and, for another currency, `original_currency`,
    `original_cost` and `fx_rate`. Lines that cannot be read answer with status `error`.
    """
    for answer in quoted_rows(lines, catalog, book, fx):
        yield json.dumps(answer if "error" in answer else _shown(answer), ensure_ascii=False)


def quoted_rows(lines: Iterable[str], catalog: Catalog, book: OwnBook, fx: FxTable) -> Iterator[dict[str, Any]]:
    """One dict per line that is not blank: the priced row, or cost_usd, status and `error`."""
    first, second = tee(lines)
    texts = ((number, text) for number, text in enumerate(first, start=1) if text.strip())
    pairs = zip(texts, map(json.loads, quote(second, catalog)), strict=True)
    while chunk := list(islice(pairs, _BATCH)):
        yield from _answers(chunk, catalog, book, fx)


def _answers(
    pairs: list[tuple[tuple[int, str], dict[str, Any]]], catalog: Catalog, book: OwnBook, fx: FxTable
) -> Iterator[dict[str, Any]]:
    answers = [answer for _, answer in pairs]
    asked: list[dict[str, Any]] = []
    places: list[int] = []
    requests: list[dict[str, Any]] = []
    for place, ((number, text), answer) in enumerate(pairs):
        if answer["status"] == "error":
            continue
        request = json.loads(text)
        wrong = _wrong(request)
        if wrong is not None:
            answers[place] = {"cost_usd": None, "status": "error", "error": f"line {number}: {wrong}"}
            continue
        places.append(place)
        requests.append(request)
        asked.append(_asked(request))
    calls = pl.DataFrame(asked, schema=_ASKED)
    listed = _listed([answers[place] for place in places], requests, calls, catalog, book)

    def price_own(rows: pl.DataFrame) -> pl.DataFrame:
        given = zip(rows["place"], rows["rule"], strict=True)
        own = _asked_again([_as_own(requests[place], number, book) for place, number in given], book.catalog)
        kept = ["model", "match", *(name for name in rows.columns if name not in own.columns)]
        return rows.select(kept).hstack(own.drop("model", "match")).select(rows.columns)

    rule = choose_rules(listed, book, catalog)
    places_of = listed.with_columns(pl.int_range(pl.len()).alias("place"))
    priced = apply_rules(places_of, rule, book, fx, price_own, trust_reported="never")
    for place, row in zip(places, priced.iter_rows(named=True), strict=True):
        answers[place] = row
    yield from answers


def _listed(
    answers: list[dict[str, Any]],
    requests: list[dict[str, Any]],
    calls: pl.DataFrame,
    catalog: Catalog,
    book: OwnBook,
) -> pl.DataFrame:
    """The calls with their list price; those with an alias under the name that it gives them."""
    listed = calls.hstack(_frame(answers))
    named, aliased = with_aliases(calls, book, catalog)
    if aliased.any():
        meant = named.select("provider", pl.col("response_model").alias("model")).to_dicts()
        again = [request | names for request, names in zip(requests, meant, strict=True)]
        other = calls.hstack(_asked_again(again, catalog))
        match = pl.when(pl.col("model").is_not_null()).then(pl.lit("override")).alias("match")
        changed, rows = other.with_columns(match), pl.when(pl.lit(aliased))
        listed = listed.with_columns(rows.then(pl.lit(changed[name])).otherwise(name).alias(name) for name in _ANSWERED)
    foreign = foreign_rates(catalog) or {}
    currency = pl.col("rate_id").replace_strict(foreign, default=None, return_dtype=pl.String)
    return listed.with_columns(currency.alias("currency"))


def _asked_again(requests: list[dict[str, Any]], catalog: Catalog) -> pl.DataFrame:
    return _frame([json.loads(answer) for answer in quote(map(json.dumps, requests), catalog)])


def _frame(answers: list[dict[str, Any]]) -> pl.DataFrame:
    """Answers of `quote` as the columns of priced calls."""
    rows = []
    for answer in answers:
        money = answer["components"] or {}
        row = {name: answer.get(name) for name in ("model", "match", "rate_id", "rate_note", "status")}
        row |= {f"{name}_cost_usd": _decimal(money.get(name)) for name in COMPONENTS}
        rows.append(row | {"cost_usd": _decimal(answer["cost_usd"])})
    return pl.DataFrame(rows, schema=_ANSWERED)


def _asked(request: dict[str, Any]) -> dict[str, Any]:
    moment = datetime.fromisoformat(request["timestamp"])
    names = ("provider", "service_tier", "batch", "region", "duration_ns")
    return {name: request.get(name) for name in names} | {
        "response_model": request["model"],
        "customer_id": request.get("customer"),
        "occurred_at": moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC),
    }


def _wrong(request: dict[str, Any]) -> str | None:
    """Why a line that `quote` can read cannot be asked about own rules."""
    for key in _TEXTS:
        if not isinstance(request.get(key), str | None):
            return f"{key} must be a string"
    duration = request.get("duration_ns")
    if duration is not None and (isinstance(duration, bool) or not isinstance(duration, int)):
        return "duration_ns must be a whole number"
    return None if duration is None or abs(duration) < 2**62 else "duration_ns is out of range"


def _as_own(request: dict[str, Any], number: int, book: OwnBook) -> dict[str, Any]:
    """The request as the book's catalog knows it; what the rule asks for is part of its price."""
    rule = book.rules[number]
    own = request | {"provider": PROVIDER, "model": key_of(number), "region": None}
    return own if rule.service_tier is None and rule.batch is None else own | {"service_tier": None, "batch": None}


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    components = {name: plain(row[f"{name}_cost_usd"]) for name in COMPONENTS}
    shown = {
        "cost_usd": plain(row["cost_usd"]),
        "status": row["status"],
        "rate_id": row["rate_id"],
        "components": None if row["cost_usd"] is None else components,
        "model": row["model"],
        "match": row["match"],
        "rate_note": row["rate_note"],
        "price_rule": row["price_rule"],
    }
    if row["original_currency"] is None:
        return shown
    original = {"original_cost": plain(row["original_cost"]), "fx_rate": plain(row["fx_rate"])}
    return shown | {"original_currency": row["original_currency"]} | original


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
