"""What the data of a signal says: the part that is the sender's own, its quantity, and its claim on costs.

The key ``paid`` of the data is addressed to us (``enable_cost_tracing``, ``paid_scope_id``) and taken out of what is
kept. Numbers keep every digit they were written with. This runs Python per signal, never per span.
"""

import json
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import orjson
import polars as pl

EVENT_DATA_SCHEMA: Final = {
    "data": pl.String(),
    "data_quantity": pl.String(),
    "data_cost_scope": pl.String(),
    "data_cost_traced": pl.Boolean(),
}

_NOT_A_NUMBER: Final = ""
_OWN_KEY: Final = "paid"


class EventData(NamedTuple):
    """data: JSON text without our key, null when there was none. quantity: text of ``data.quantity``, null when
    missing and unparsable when it is none. cost_scope: the scope it claims. cost_traced: it asks for its costs.
    """

    data: str | None
    quantity: str | None
    cost_scope: str | None
    cost_traced: bool


class _Digits(str):
    """A JSON number as it was written."""

    __slots__ = ()


def read_text(text: str | None) -> EventData:
    """Read the JSON text of a ``data`` attribute.

    Text that is not JSON (or too deep, or not encodable) is kept as ``{"_raw": text}``: the event counts all the same.
    NaN and infinities, which Python senders write and JSON does not know, become null.
    """
    if not text:
        return EventData(None, None, None, cost_traced=False)
    try:
        content = json.loads(text, parse_int=_Digits, parse_float=_Digits, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return EventData(_dump({"_raw": text}), None, None, cost_traced=False)
    read = read_content(content)
    return read if read.data is not None else read._replace(data=_dump({"_raw": text}))


def read_content(content: Any) -> EventData:
    """Read parsed data whose numbers are text (see ``loads``); ``data`` is null when it cannot be written as JSON."""
    if not isinstance(content, dict):
        return EventData(_dump_or_none(content), None, None, cost_traced=False)
    own = content.pop(_OWN_KEY, None)
    claim, traced = None, False
    if isinstance(own, dict):
        scope = own.get("paid_scope_id")
        claim = str(scope) if isinstance(scope, str) and scope else None
        traced = own.get("enable_cost_tracing") is True
    return EventData(_dump_or_none(content), _quantity_text(content.get("quantity")), claim, traced)


def loads(text: bytes) -> Any:
    """Parse JSON keeping numbers as the text they were written with. Raises ValueError or RecursionError."""
    return json.loads(text, parse_int=_Digits, parse_float=_Digits, parse_constant=lambda _: None)


def is_number(value: object) -> bool:
    """Whether a value that `loads` gave was written as a number."""
    return isinstance(value, _Digits)


def read_texts(texts: pl.Series) -> pl.DataFrame:
    """What the JSON texts (String|null) say, a row each, with the columns of ``EVENT_DATA_SCHEMA``."""
    read = {text: read_text(text) for text in texts.unique().to_list()}
    return event_data_frame(map(read.__getitem__, texts.to_list()))


def event_data_frame(read: Iterable[EventData]) -> pl.DataFrame:
    """One row per signal with the columns of ``EVENT_DATA_SCHEMA``."""
    return pl.DataFrame(list(read), schema=EVENT_DATA_SCHEMA, orient="row")


def quantity(text: pl.Expr) -> pl.Expr:
    """Decimal(18, 6), rounded half to even: 1 where the text is null, null where it is no number or negative."""
    number = text.str.strip_chars().cast(pl.Decimal(18, 6), strict=False)
    valid = pl.when(number >= 0).then(number)
    return pl.when(text.is_null()).then(pl.lit(1, dtype=pl.Decimal(18, 6))).otherwise(valid)


def _quantity_text(value: object) -> str | None:
    if value is None:
        return None
    return str(value) if isinstance(value, str) else _NOT_A_NUMBER


def _dump_or_none(content: object) -> str | None:
    try:
        return _dump(content)
    except (TypeError, RecursionError):  # lone surrogates, nesting past what JSON readers take
        return None


def _dump(content: object) -> str:
    return orjson.dumps(content, default=_as_written, option=orjson.OPT_PASSTHROUGH_SUBCLASS).decode()


def _as_written(value: object) -> orjson.Fragment:
    if isinstance(value, _Digits):
        return orjson.Fragment(str(value))
    raise TypeError(f"not a JSON value: {type(value).__name__}")
