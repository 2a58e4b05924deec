"""Usage and cost exports of providers, read into one shape: a row for a day and a model, with what the file says of it.

Shapes (as documented by OpenAI and Anthropic in November 2026): docs/reconcile.md has the fields relied upon.
"""

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Literal

import polars as pl

from analytics.frames import MONEY_SUM

FileFormat = Literal["auto", "openai", "anthropic", "csv"]
COUNTS = ("requests", "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")
THEIRS = pl.Schema(
    {
        "day": pl.Date(),
        "provider": pl.String(),
        "name": pl.String(),
        "cost_usd": MONEY_SUM,
        **dict.fromkeys(COUNTS, pl.Int64()),
    }
)
"""name: the model as the file names it; NULL: all models. NULL elsewhere: the file does not say."""

FIELDS = ("day", "model", "provider", "cost", "cost_cents", "currency", *COUNTS)
"""What a column of a CSV file can mean."""

_COLUMNS: dict[str, tuple[str, ...]] = {
    "day": ("day", "date", "start_time_iso", "start_time", "starting_at", "timestamp", "usage_date_utc"),
    "model": ("model", "model_version", "line_item"),
    "provider": ("provider",),
    "cost": ("cost", "cost_usd", "amount_value", "amount", "cost_in_usd"),
    "cost_cents": (),
    "currency": ("currency", "amount_currency"),
    "requests": ("requests", "num_model_requests", "num_requests", "request_count"),
    "input_tokens": ("input_tokens", "prompt_tokens", "n_context_tokens_total"),
    "cache_read_tokens": ("cache_read_tokens", "input_cached_tokens", "cache_read_input_tokens"),
    "cache_write_tokens": ("cache_write_tokens", "cache_creation_input_tokens"),
    "output_tokens": ("output_tokens", "completion_tokens", "n_generated_tokens_total"),
}
"""Usual names of columns, those of OpenAI's dashboard among them; the first that is there counts."""


_PICODOLLAR = Decimal("0.000000000001")


class ReconcileError(ValueError):
    """A file that cannot be understood; the message says where and why."""


@dataclass
class _Rows:
    """What was read, row by row."""

    found: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self, day: date, provider: str | None, name: str | None, cost_usd: Decimal | None = None, **counts: int | None
    ) -> None:
        # a provider's sums have as many decimals as its arithmetic left; ours have twelve
        cost = None if cost_usd is None else cost_usd.quantize(_PICODOLLAR, ROUND_HALF_EVEN)
        self.found.append({"day": day, "provider": provider, "name": name or None, "cost_usd": cost, **counts})

    def frame(self) -> pl.DataFrame:
        columns = {name: [row.get(name) for row in self.found] for name in THEIRS}
        return pl.DataFrame(columns, schema=THEIRS)


def read_theirs(file: Path, format: FileFormat, columns: Mapping[str, str]) -> pl.DataFrame:  # noqa: A002
    """The rows (`THEIRS`) of a file. columns: names of a CSV file's columns by meaning (`FIELDS`).

    JSON holds the answer of one request, a list of such answers (pages), or one a line. Raises ReconcileError with the
    file's name, OSError.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReconcileError(f"{file}: no text in UTF-8 ({error.reason} at byte {error.start})") from None
    try:
        is_json = text.lstrip()[:1] in ("{", "[")
        if columns or not is_json:
            if format in ("openai", "anthropic", "auto") and is_json:
                raise ReconcileError("--map names columns of a CSV file, and this is JSON")
            return _csv(text, columns, None if format in ("auto", "csv") else format)
        if format == "csv":
            raise ReconcileError("this is JSON, not CSV")
        return _json(text, format)
    except ReconcileError as error:
        raise ReconcileError(f"{file}: {error}") from None


def _json(text: str, format: FileFormat) -> pl.DataFrame:  # noqa: A002
    rows, pages = _Rows(), list(_pages(text))
    for page in pages:
        buckets = page.get("data") if isinstance(page, dict) else None
        if not isinstance(buckets, list):
            raise ReconcileError("no list `data` of buckets: not an answer of a usage or cost API")
        for number, bucket in enumerate(buckets, start=1):
            if not isinstance(bucket, dict) or not isinstance(bucket.get("results"), list):
                raise ReconcileError(f"bucket {number}: no list `results`")
            kind = "openai" if "start_time" in bucket else "anthropic" if "starting_at" in bucket else None
            if kind is None or format not in ("auto", kind):
                wanted = "openai or anthropic" if format == "auto" else format
                raise ReconcileError(f"bucket {number}: not of the shape {wanted}")
            start = bucket["start_time"] if kind == "openai" else bucket["starting_at"]
            day = _day(start, f"bucket {number}")
            for result in bucket["results"]:
                if not isinstance(result, dict):
                    raise ReconcileError(f"bucket {number}: a result is no object")
                _READERS[kind](rows, day, result, f"bucket {number}")
    if pages and all(page.get("has_more") for page in pages):
        raise ReconcileError("`has_more` is true: the answer goes on, fetch the other pages and put all into the file")
    return rows.frame()


def _pages(text: str) -> Iterator[Any]:
    def load(part: str) -> Any:
        return json.loads(part, parse_float=Decimal)

    try:
        content = load(text)
    except json.JSONDecodeError as whole:
        lines = [line for line in text.splitlines() if line.strip()]
        try:
            yield from [load(line) for line in lines] if len(lines) > 1 else _fail(whole)
        except json.JSONDecodeError:
            _fail(whole)
        return
    yield from content if isinstance(content, list) else [content]


def _fail(error: json.JSONDecodeError) -> list[Any]:
    raise ReconcileError(f"no JSON: {error.msg} in line {error.lineno}")


def _openai(rows: _Rows, day: date, result: dict[str, Any], where: str) -> None:
    if "amount" in result:
        amount = result["amount"]
        if not isinstance(amount, dict) or "value" not in amount:
            raise ReconcileError(f"{where}: amount: no object with a value")
        _dollars(amount.get("currency"), where)
        cost = _money(amount["value"], f"{where}: amount.value")
        # a line item is a model and a kind of token ("gpt-4o-2024-08-06, input")
        item = result.get("line_item")
        rows.add(day, "openai", None if item is None else str(item).split(",")[0].strip(), cost_usd=cost)
        return
    if not {"input_tokens", "num_model_requests"} & set(result):
        raise ReconcileError(f"{where}: neither an amount nor token counts; costs and completions usage are understood")
    count = _counter(result, where)
    rows.add(
        day, "openai", result.get("model"), requests=count("num_model_requests"),
        input_tokens=count("input_tokens"), cache_read_tokens=count("input_cached_tokens"),
        output_tokens=count("output_tokens"),
    )  # fmt: skip


def _anthropic(rows: _Rows, day: date, result: dict[str, Any], where: str) -> None:
    model = result.get("model")
    if "amount" in result:
        _dollars(result.get("currency"), where)
        cents = _money(result["amount"], f"{where}: amount")
        rows.add(day, "anthropic", model, cost_usd=cents.scaleb(-2))
        return
    if "uncached_input_tokens" not in result:
        raise ReconcileError(f"{where}: neither an amount nor uncached_input_tokens")
    written = result.get("cache_creation") or {}
    if not isinstance(written, dict):
        raise ReconcileError(f"{where}: cache_creation is no object")
    count, kept = _counter(result, where), _counter(written, f"{where}: cache_creation")
    write = (kept("ephemeral_5m_input_tokens") or 0) + (kept("ephemeral_1h_input_tokens") or 0)
    read, fresh = count("cache_read_input_tokens") or 0, count("uncached_input_tokens") or 0
    rows.add(
        day, "anthropic", model, input_tokens=fresh + read + write, cache_read_tokens=read, cache_write_tokens=write,
        output_tokens=count("output_tokens"),
    )  # fmt: skip


_READERS: dict[str, Callable[[_Rows, date, dict[str, Any], str], None]] = {"openai": _openai, "anthropic": _anthropic}


def _csv(text: str, columns: Mapping[str, str], provider: str | None) -> pl.DataFrame:
    reader = csv.DictReader(text.splitlines(), strict=True)
    header = list(reader.fieldnames or [])
    places = _places(header, columns)
    rows = _Rows()
    try:
        for row in reader:
            where = f"line {reader.line_num}"
            if None in row or None in row.values():
                raise ReconcileError(f"{where}: not {len(header)} fields")
            said = {key: row[column].strip() for key, column in places.items()}
            measures = [key for key in said if key in ("cost", "cost_cents", *COUNTS)]
            if not any(said[key] for key in measures):
                continue  # OpenAI's dashboard writes days without usage, with nothing but the times
            _dollars(said.get("currency") or None, where)
            money = None
            if said.get("cost"):
                money = _money(said["cost"].removeprefix("$"), f"{where}: {places['cost']}")
            elif said.get("cost_cents"):
                money = _money(said["cost_cents"], f"{where}: {places['cost_cents']}").scaleb(-2)
            count = _counter({key: said[key] or None for key in COUNTS if key in said}, where)
            name = said.get("model") or None
            if name is not None and places.get("model") == "line_item":
                name = name.split(",")[0].strip()
            rows.add(
                _day(said["day"], f"{where}: {places['day']}"), said.get("provider") or provider, name,
                cost_usd=money, **{key: count(key) for key in COUNTS},
            )  # fmt: skip
    except csv.Error as error:
        raise ReconcileError(f"line {reader.line_num}: {error}") from None
    return rows.frame()


def _places(header: list[str], columns: Mapping[str, str]) -> dict[str, str]:
    """Which column holds what."""
    for key, name in columns.items():
        if key not in FIELDS:
            raise ReconcileError(f"--map {key}={name}: choose among {', '.join(FIELDS)}")
        if name not in header:
            raise ReconcileError(f"--map {key}={name}: there is no such column, but {', '.join(header) or 'nothing'}")
    places = dict(columns)
    for key, usual in _COLUMNS.items():
        found = next((name for name in usual if name in header), None)
        if key not in places and found is not None and not (key == "cost" and "cost_cents" in places):
            places[key] = found
    if "day" not in places:
        raise ReconcileError(f"no column of the day among {', '.join(header) or 'nothing'}; name it with --map day=…")
    if not set(places) & {"cost", "cost_cents", *COUNTS}:
        raise ReconcileError(f"no column of costs or counts among {', '.join(header)}; name one with --map cost=…")
    return places


def _day(value: object, where: str) -> date:
    """The UTC day of Unix seconds, a date or an RFC 3339 time."""
    try:
        if isinstance(value, int) or (isinstance(value, str) and value.isdecimal() and len(value) > 8):
            return datetime.fromtimestamp(int(value), UTC).date()
        moment = datetime.fromisoformat(str(value))
    except (ValueError, OverflowError, OSError):
        raise ReconcileError(f"{where}: {value!r} is no day") from None
    return (moment.astimezone(UTC) if moment.tzinfo else moment).date()


def _money(value: object, where: str) -> Decimal:
    try:
        amount = Decimal("NaN") if isinstance(value, bool) else Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or abs(amount) >= Decimal(10) ** 15:
        raise ReconcileError(f"{where}: {value!r} is no amount")
    return amount


def _counter(said: Mapping[str, Any], where: str) -> Callable[[str], int | None]:
    def count(name: str) -> int | None:
        value = said.get(name)
        if value is None or value == "":
            return None
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            number = Decimal("NaN")
        if isinstance(value, bool) or not number.is_finite() or number != int(number) or not 0 <= number < 2**62:
            raise ReconcileError(f"{where}: {name}: {value!r} is no count")
        return int(number)

    return count


def _dollars(currency: object, where: str) -> None:
    if currency is not None and str(currency).strip().upper() != "USD":
        raise ReconcileError(f"{where}: amounts in {currency}, only US dollars can be compared")
