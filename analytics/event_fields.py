"""Values inside the data of an event, by their path."""

from functools import partial

import polars as pl

from receiver.signals.event_data import loads

QUANTITY = pl.Decimal(18, 6)

_NUMBER = r"^-?\d[\d.]*(e[+-]?\d+)?$"
_MANY_DIGITS = r"\d[\d.]{15}"
"""From 16 digits on the reader of JSON may give another number than was written."""


def text_at(path: str, data: str = "data") -> pl.Expr:
    """The value at a path (`dimensions.pages`) as text, numbers exactly; null where there is none or it is null."""
    return pl.col(data).map_batches(partial(texts_at, path), return_dtype=pl.String(), is_elementwise=True)


def texts_at(path: str, data: pl.Series) -> pl.Series:
    """`text_at` for a Series of JSON texts."""
    parts = path.split(".")
    found = data.str.json_path_match("$" + "".join(f"['{part}']" for part in parts))
    is_number = found.str.contains(_NUMBER)
    if not is_number.any():
        return found
    rounded = (is_number & data.str.contains(_MANY_DIGITS)).fill_null(value=False)
    if not rounded.any():
        return found
    written = {text: _as_written(text, parts) for text in data.filter(rounded).unique()}
    return found.scatter(rounded.arg_true(), [written[text] for text in data.filter(rounded)])


def quantity_at(path: str) -> pl.Expr:
    """Decimal(18, 6) of the number at a path: 1 where there is none, null where it is no number or has no room."""
    found = text_at(path)
    return pl.when(found.is_null()).then(pl.lit(1).cast(QUANTITY)).otherwise(found.cast(QUANTITY, strict=False))


def _as_written(text: str, parts: list[str]) -> str:
    """The number at a path, every digit of it; it is known to be there. Of a key that repeats the last counts."""
    value = loads(text.encode())
    for part in parts:
        value = value[part]
    return str(value)
