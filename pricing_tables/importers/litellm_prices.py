"""One entry of LiteLLM's price map as plain prices: exact decimals per unit, kind of request and context tier."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import time
from decimal import Context, Decimal
from typing import Any, Final

from pricing_tables.importers.releases import SourceError

STANDARD: Final = "standard"
Prices = dict[str, Decimal]
"""Price column (of `units.PER`) -> US dollars."""

_TOKEN: Final = 1_000_000
_FIELDS: Final[dict[str, tuple[str, int]]] = {
    "input_cost_per_token": ("input_mtok", _TOKEN),
    "output_cost_per_token": ("output_mtok", _TOKEN),
    "output_cost_per_reasoning_token": ("output_reasoning_mtok", _TOKEN),
    "citation_cost_per_token": ("output_citation_mtok", _TOKEN),
    "cache_read_input_token_cost": ("cache_read_mtok", _TOKEN),
    "cache_creation_input_token_cost": ("cache_write_mtok", _TOKEN),
    "cache_creation_input_token_cost_above_1hr": ("cache_write_1h_mtok", _TOKEN),
    "input_cost_per_audio_token": ("input_audio_mtok", _TOKEN),
    "cache_read_input_audio_token_cost": ("cache_audio_read_mtok", _TOKEN),
    "output_cost_per_audio_token": ("output_audio_mtok", _TOKEN),
    "input_cost_per_image_token": ("input_image_mtok", _TOKEN),
    "cache_read_input_image_token_cost": ("cache_image_read_mtok", _TOKEN),
    "output_cost_per_image_token": ("output_image_mtok", _TOKEN),
    "input_cost_per_video_token": ("input_video_mtok", _TOKEN),
    "output_cost_per_video_token": ("output_video_mtok", _TOKEN),
    "input_cost_per_character": ("input_mchars", _TOKEN),
    "output_cost_per_character": ("output_mchars", _TOKEN),
    "input_cost_per_image": ("input_images_kcount", 1_000),
    "output_cost_per_image": ("output_images_kcount", 1_000),
    "input_cost_per_text_message": ("input_text_messages_kcount", 1_000),
    "input_cost_per_request": ("requests_kcount", 1_000),
    "input_cost_per_query": ("rerank_searches_kcount", 1_000),
    "ocr_cost_per_page": ("input_document_kpages", 1_000),
    "annotation_cost_per_page": ("input_annotated_document_kpages", 1_000),
    "input_cost_per_second": ("audio_hours", 3_600),
    "input_cost_per_audio_per_second": ("input_audio_hours", 3_600),
    "output_cost_per_second": ("output_video_hours", 3_600),
    "output_cost_per_video_per_second": ("output_video_hours", 3_600),
}
"""Field of an entry -> price column, and how many of its units that column's price buys."""

_FIELD: Final = re.compile(
    r"(?P<base>[a-z_]+?(?:_above_1hr)?)(?:_above_(?P<tier>\d+)k_tokens)?(?:_(?P<context>batches|flex|priority))?"
)
_CONTEXTS: Final = {"batches": "batch", "flex": "flex", "priority": "priority", None: STANDARD}
_TOKEN_MODES: Final = frozenset({"chat", "completion", "responses", "realtime", None})
_AMOUNTS: Final = ("input_images_kcount", "output_images_kcount", "audio_hours", "output_video_hours")
_TOKENS: Final = ("input_mtok", "output_mtok", "output_image_mtok", "input_audio_mtok")
_WITHIN: Final = {
    "output_reasoning_mtok": "output_mtok",
    "input_audio_mtok": "input_mtok",
    "output_audio_mtok": "output_mtok",
    "input_image_mtok": "input_mtok",
    "output_image_mtok": "output_mtok",
    "input_video_mtok": "input_mtok",
    "output_video_mtok": "output_mtok",
    "cache_audio_read_mtok": "cache_read_mtok",
    "cache_image_read_mtok": "cache_read_mtok",
}
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_UTC_OFFSETS: Final = {"UTC": 0, "Asia/Shanghai": 8}
"""Hours ahead of UTC, of zones that never change their clocks."""
_DEAREST: Final = 999
"""US dollars per million tokens: what is dearer was entered in another unit."""
_DIGITS: Final = Context(prec=12)


@dataclass(frozen=True)
class Window:
    """Cheaper hours: UTC times of day (an end of 00:00 is the end of the day) on some days of the week (UTC)."""

    days: tuple[str, ...]
    start: time
    end: time


@dataclass(frozen=True)
class EntryPrices:
    """`cells`: (kind of request, threshold in tokens) -> prices; a tier holds for inputs above its threshold.

    `uplifts`: region -> factor on all token prices. `off_peak`: prices that hold in `windows` instead.
    """

    cells: Mapping[tuple[str, int], Prices]
    uplifts: Mapping[str, Decimal] = field(default_factory=dict)
    off_peak: Prices = field(default_factory=dict)
    windows: tuple[Window, ...] = ()

    def base(self) -> Prices:
        """The standard prices below every threshold."""
        return self.cells.get((STANDARD, 0), {})


def read_prices(entry: Mapping[str, Any], *, free: bool = False) -> EntryPrices | None:
    """The prices of one entry (numbers as Decimal or int); None when it has none.

    A map full of zeros means that LiteLLM knows no price, so zeros count only where the name says `free`; an entry
    with an impossible price is not believed at all.
    """
    mode = entry.get("mode")
    cells: dict[tuple[str, int], Prices] = {}
    for name, value in entry.items():
        _put(cells, name, value, 0)
    for bracket in entry.get("tiered_pricing") or ():
        begins = bracket.get("range", (None,))[0]
        for name, value in bracket.items() if begins is not None else ():
            _put(cells, name, value, int(begins))
    cells = {cell: _sensible(prices, mode) for cell, prices in cells.items()}
    cells = {cell: prices for cell, prices in _apart(cells).items() if prices}
    base = cells.get((STANDARD, 0), {})
    hit = entry.get("input_cost_per_token_cache_hit")
    if hit and "cache_read_mtok" not in base and base:
        base["cache_read_mtok"] = _price(hit, _TOKEN)
    search = entry.get("search_context_cost_per_query")
    if isinstance(search, Mapping) and base and len(set(search.values())) == 1 and _per_query(entry):
        price = _price(next(iter(search.values())), 1_000)
        base.update({"web_searches_kcount": price} if price else {})
    if not any(base.values()) and not (free and base):
        return None
    if any(price > _DEAREST for prices in cells.values() for name, price in prices.items() if name.endswith("_mtok")):
        return None
    return EntryPrices(cells, _uplifts(entry), *_off_peak(entry.get("off_peak_pricing")))


def _put(cells: dict[tuple[str, int], Prices], name: str, value: object, begins: int) -> None:
    found = _FIELD.fullmatch(name)
    number = isinstance(value, (int, Decimal)) and not isinstance(value, bool)
    if found is None or found["base"] not in _FIELDS or not number:
        return
    column, units = _FIELDS[found["base"]]
    threshold = int(found["tier"]) * 1_000 if found["tier"] else begins
    cells.setdefault((_CONTEXTS[found["context"]], threshold), {}).setdefault(
        column, _price(Decimal(str(value)), units)
    )


def _price(value: Decimal | int, units: int) -> Decimal:
    """The price of `units` units, to 12 significant digits: what follows is noise of binary fractions."""
    return _DIGITS.plus(Decimal(value) * units)


def _sensible(prices: Prices, mode: str | None) -> Prices:
    """Without the fillers of the map: zeros that are no price, and per-piece estimates beside a price per token."""
    by_token = any(prices.get(name) for name in _TOKENS)
    kept = {}
    for name, price in prices.items():
        zero_is_price = mode in _TOKEN_MODES and name in ("input_mtok", "output_mtok")
        estimate = name in _AMOUNTS and by_token and mode != "embedding"
        if not estimate and (price or zero_is_price):
            kept[_column(name, prices, mode)] = price
    return kept


def _apart(cells: dict[tuple[str, int], Prices]) -> dict[tuple[str, int], Prices]:
    """Without what costs the same as the tokens around it everywhere: it is not priced apart, but follows them."""
    same = {
        part
        for part, whole in _WITHIN.items()
        if all(prices[part] == prices.get(whole) for prices in cells.values() if part in prices)
    }
    return {cell: {name: price for name, price in prices.items() if name not in same} for cell, prices in cells.items()}


def _column(name: str, prices: Prices, mode: str | None) -> str:
    """The price column where the mode gives a field another meaning."""
    if mode == "image_generation" and name == "input_images_kcount" and not prices.get("output_images_kcount"):
        return "output_images_kcount"
    if mode == "search" and name == "rerank_searches_kcount":
        return "web_searches_kcount"
    if mode == "audio_speech" and name == "output_video_hours":
        return "output_audio_hours"
    if mode == "audio_transcription" and name == "output_video_hours":
        return "audio_hours"
    return name


def _per_query(entry: Mapping[str, Any]) -> bool:
    """Is each search charged? Gemini before 3 charges the grounded prompt, Perplexity the request."""
    provider = str(entry.get("litellm_provider"))
    by_request = provider in ("gemini", "perplexity") or provider.startswith("vertex_ai")
    return not by_request or entry.get("web_search_billing_unit") == "per_query"


def _uplifts(entry: Mapping[str, Any]) -> dict[str, Decimal]:
    """Factors for regional endpoints, by region; `vertex` stands for every place but the global endpoint."""
    found = {
        "eu": entry.get("regional_processing_uplift_multiplier_eu"),
        "us": entry.get("regional_processing_uplift_multiplier_us"),
        "vertex": entry.get("regional_endpoint_uplift_multiplier"),
    }
    own = entry.get("provider_specific_entry")
    if isinstance(own, Mapping) and isinstance(own.get("us"), Decimal):
        found["us"] = own["us"]
    return {region: Decimal(factor) for region, factor in found.items() if factor is not None}


def _off_peak(raw: object) -> tuple[Prices, tuple[Window, ...]]:
    if not isinstance(raw, Mapping):
        return {}, ()
    cells: dict[tuple[str, int], Prices] = {}
    for name, value in raw.items():
        _put(cells, name, value, 0)
    windows = [window for item in raw.get("windows", (raw,)) for window in _windows(item, raw.get("weekday_timezone"))]
    return cells[STANDARD, 0], tuple(windows)


def _windows(item: Mapping[str, Any], timezone: str | None) -> Iterator[Window]:
    """Windows with days of the week in UTC, from UTC hours on the vendor's own days of the week."""
    if timezone is not None and timezone not in _UTC_OFFSETS:
        raise SourceError(f"litellm: off-peak days of the week in {timezone} are not known here")
    midnight = (24 - _UTC_OFFSETS[timezone or "UTC"]) % 24
    days = [_DAYS[day - 1] if isinstance(day, int) else str(day)[:3] for day in item.get("weekdays", range(1, 8))]
    if not set(days) <= set(_DAYS):
        raise SourceError(f"litellm: unknown days of the week: {item['weekdays']}")
    before = tuple(_DAYS[(_DAYS.index(day) - 1) % 7] for day in days)
    hours = item["hours_utc"]
    for span in [hours] if isinstance(hours, str) else hours:
        start, end = (time.fromisoformat(text) for text in span.split("-"))
        if end <= start and end != time(0):
            raise SourceError(f"litellm: off-peak hours {span} pass midnight")
        # From the vendor's midnight on, its day is the one after the UTC day.
        if not midnight or (end != time(0) and end <= time(midnight)):
            yield Window(tuple(days), start, end)
        elif start >= time(midnight):
            yield Window(before, start, end)
        else:
            yield Window(tuple(days), start, time(midnight))
            yield Window(before, time(midnight), end)
