"""Price quotes: JSON lines of usage in, one JSON line of money out for each.

Every line goes through the same vectorised step as live traffic, in batches. A line that cannot be read answers with
status `error` and does not disturb the others.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any, Final

import polars as pl

from pricing_tables.catalog import Catalog
from pricing_tables.price import COMPONENTS, price_calls

_USAGE: Final[dict[str, str]] = {
    "input_tokens": "input_tokens",
    "cache_read_tokens": "cache_read_tokens",
    "cache_write_5m_tokens": "cache_write_5m_tokens",
    "cache_write_1h_tokens": "cache_write_1h_tokens",
    "output_tokens": "output_tokens",
    "output_reasoning_tokens": "reasoning_tokens",
    "audio_input_tokens": "audio_input_tokens",
    "audio_output_tokens": "audio_output_tokens",
    "image_input_tokens": "image_input_tokens",
    "image_output_tokens": "image_output_tokens",
    "search_requests": "search_requests",
    "requests": "requests",
    "images": "images",
    "characters": "characters",
    "pages": "pages",
}
_SECONDS: Final = ("audio_seconds", "video_seconds")
_FIELDS: Final[dict[str, type[str] | type[bool]]] = {
    "provider": str,
    "model": str,
    "timestamp": str,
    "service_tier": str,
    "batch": bool,
    "region": str,
    "customer": str,
}
_SCHEMA: Final[dict[str, pl.DataType]] = {
    "line": pl.Int64(),
    "provider": pl.String(),
    "request_model": pl.String(),
    "response_model": pl.String(),
    "occurred_at": pl.Datetime("us", "UTC"),
    "service_tier": pl.String(),
    "batch": pl.Boolean(),
    **{column: pl.Int64() for column in _USAGE.values()},
    **dict.fromkeys(_SECONDS, pl.Decimal(18, 6)),
    "region": pl.String(),
    "customer_id": pl.String(),
    "duration_ns": pl.Int64(),
    "usage_source": pl.String(),
    "failed": pl.Boolean(),
    "reported_cost_usd": pl.Decimal(18, 12),
}
BATCH: Final = 20_000
"""Lines priced at a time."""

_COUNT_LIMIT: Final = 2**62
_SECONDS_LIMIT: Final = 10**12


class _BadLineError(ValueError):
    """A line that is not a quote request; the message says why."""


Price = Callable[[pl.DataFrame], pl.DataFrame]
"""Prices calls as `price_calls` does."""


def quote(lines: Iterable[str], catalog: Catalog, *, batch_size: int = BATCH) -> Iterator[str]:
    """Answer each JSON line `{provider, model, timestamp, usage, service_tier?, batch?, region?}` with one JSON line.

    `usage.input_tokens` is the inclusive total; seconds are numbers or decimal strings with up to six decimals. The
    answer is `{cost_usd, status, rate_id, components, model, match, rate_note}`; `cost_usd` and the components are
    exact decimal strings in US dollars, or null. A line that cannot be read gives
    `{"cost_usd": null, "status": "error", "error": "line N: why"}`. Blank lines are skipped.
    """

    def price(calls: pl.DataFrame) -> pl.DataFrame:
        return price_calls(calls, catalog, trust_reported="never")

    for row in quoted_rows(lines, price, batch_size=batch_size):
        yield json.dumps(row if "error" in row else _answer(row), ensure_ascii=False)


def quote_with_rules(lines: Iterable[str], price: Price) -> Iterator[str]:
    """Answer JSON lines like `quote`, by prices that include the operator's own rules.

    A line may also have `customer` and, for machines charged by time, `duration_ns`; an answer has `price_rule` as well
    and, for another currency, `original_currency`, `original_cost` and `fx_rate`.
    """
    for row in quoted_rows(lines, price):
        yield json.dumps(row if "error" in row else _answer(row) | _own(row), ensure_ascii=False)


def quoted_rows(lines: Iterable[str], price: Price, *, batch_size: int = BATCH) -> Iterator[dict[str, Any]]:
    """One dict per line that is not blank: the priced row, or cost_usd, status and `error`."""
    numbered = ((number, text) for number, text in enumerate(lines, start=1) if text.strip())
    while chunk := list(islice(numbered, batch_size)):
        yield from _quote_batch(chunk, price)


def plain(amount: Decimal | None) -> str | None:
    """A decimal as plain text: no exponent, no trailing zeros."""
    if amount is None:
        return None
    return f"{amount.normalize():f}" if amount else "0"


def _quote_batch(chunk: list[tuple[int, str]], price: Price) -> Iterator[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    answers: dict[int, dict[str, Any]] = {}
    for number, text in chunk:
        try:
            rows.append({"line": number, **_parse(text)})
        except _BadLineError as error:
            answers[number] = {"cost_usd": None, "status": "error", "error": f"line {number}: {error}"}
    for row in price(pl.DataFrame(rows, schema=_SCHEMA)).iter_rows(named=True):
        answers[row["line"]] = row
    yield from (answers[number] for number, _ in chunk)


def _answer(row: dict[str, Any]) -> dict[str, Any]:
    components = {name: plain(row[f"{name}_cost_usd"]) for name in COMPONENTS}
    return {
        "cost_usd": plain(row["cost_usd"]),
        "status": row["status"],
        "rate_id": row["rate_id"],
        "components": None if row["cost_usd"] is None else components,
        "model": row["model"],
        "match": row["match"],
        "rate_note": row["rate_note"],
    }


def _own(row: dict[str, Any]) -> dict[str, Any]:
    """What own rules add to an answer."""
    rule = {"price_rule": row["price_rule"]}
    if row["original_currency"] is None:
        return rule
    original = {"original_cost": plain(row["original_cost"]), "fx_rate": plain(row["fx_rate"])}
    return rule | {"original_currency": row["original_currency"]} | original


def _parse(text: str) -> dict[str, Any]:
    try:
        # Numbers stay as they are written: seconds are decimals.
        request = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise _BadLineError(f"not JSON ({error})") from error
    if not isinstance(request, dict):
        raise _BadLineError("not a JSON object")
    for key, kind in _FIELDS.items():
        if request.get(key) is not None and not isinstance(request[key], kind):
            raise _BadLineError(f"{key} must be a {'string' if kind is str else 'boolean'}")
    for key in ("model", "timestamp"):
        if not request.get(key):
            raise _BadLineError(f"{key} is missing")
    # The line names the model that was billed, as a response does: on Azure a request names a deployment instead.
    return {
        "provider": request.get("provider"),
        "response_model": request["model"],
        "occurred_at": _moment(request["timestamp"]),
        "service_tier": request.get("service_tier"),
        "batch": request.get("batch"),
        "region": request.get("region"),
        "customer_id": request.get("customer"),
        "duration_ns": _duration(request.get("duration_ns")),
        **_counts(request.get("usage")),
        "usage_source": "reported",
        "failed": False,
    }


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _BadLineError(f"timestamp is not an ISO 8601 time: {text}") from error


def _counts(usage: object) -> dict[str, int | Decimal]:
    if not isinstance(usage, dict):
        raise _BadLineError("usage must be an object")
    unknown = sorted(usage.keys() - _USAGE.keys() - set(_SECONDS))
    if unknown:
        raise _BadLineError(f"unknown usage: {', '.join(unknown)}")
    counts: dict[str, int | Decimal] = {}
    for key, value in usage.items():
        if value is not None:
            name = str(key)
            read = _seconds if name in _SECONDS else _whole
            counts[_USAGE.get(name, name)] = read(f"usage.{name}", value)
    # A quote states its whole usage: what it leaves out is none of it.
    return {"input_tokens": 0, "output_tokens": 0, **counts} if counts else counts


def _duration(value: object) -> int | None:
    return None if value is None else _whole("duration_ns", value)


def _whole(key: str, value: object) -> int:
    if isinstance(value, Decimal) and value.is_finite() and abs(value) < _COUNT_LIMIT and value == int(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _BadLineError(f"{key} must be a whole number")
    if not -_COUNT_LIMIT < value < _COUNT_LIMIT:
        raise _BadLineError(f"{key} is out of range")
    return value


def _seconds(key: str, value: object) -> Decimal:
    """Seconds as an exact decimal of at most six places."""
    try:
        amount = Decimal(value) if isinstance(value, (int, str, Decimal)) and not isinstance(value, bool) else None
    except InvalidOperation:
        amount = None
    if amount is None or not amount.is_finite():
        raise _BadLineError(f"{key} must be a number of seconds")
    if not abs(amount) < _SECONDS_LIMIT:
        raise _BadLineError(f"{key} is out of range")
    if amount != round(amount, 6):
        raise _BadLineError(f"{key} has more than six decimals")
    return amount
