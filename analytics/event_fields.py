"""Values inside the data of an event, by their path."""

import polars as pl

QUANTITY = pl.Decimal(18, 6)


def text_at(path: str, data: str = "data") -> pl.Expr:
    """The value at a path (`dimensions.pages`) as text; null where there is none or it is null."""
    return pl.col(data).str.json_path_match("$" + "".join(f"['{part}']" for part in path.split(".")))


def quantity_at(path: str) -> pl.Expr:
    """Decimal(18, 6) of the number at a path: 1 where there is none, null where it is no number or has no room."""
    found = text_at(path)
    return pl.when(found.is_null()).then(pl.lit(1).cast(QUANTITY)).otherwise(found.cast(QUANTITY, strict=False))
