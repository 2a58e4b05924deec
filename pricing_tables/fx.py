"""Exchange rates with dates: what one unit of a currency was worth in US dollars when a call happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import cached_property
from typing import Any, Final

import polars as pl

from pricing_tables.own_fields import OwnPriceError, currency, moment, positive, read_entry

DOLLAR: Final = "USD"
_EVER: Final = datetime(1, 1, 1, tzinfo=UTC)
_RATE: Final = pl.Decimal(18, 12)
_MOMENT: Final = pl.Datetime("us", "UTC")
_PLACES: Final = Decimal("1e-12")
_LARGEST: Final = Decimal(10**6)
_EXACT: Final = Context(prec=2_000)


@dataclass(frozen=True)
class FxRate:
    """One unit of `currency` is `usd` US dollars from `valid_from` (None: since ever) until the next entry."""

    currency: str
    usd: Decimal
    valid_from: datetime | None = None


@dataclass(frozen=True)
class FxTable:
    """All exchange rates that are known."""

    rates: tuple[FxRate, ...] = ()

    @cached_property
    def currencies(self) -> frozenset[str]:
        """The currencies with a rate for some time."""
        return frozenset(rate.currency for rate in self.rates)

    def at(self, currency: pl.Series, moment: pl.Series) -> pl.Series:
        """US dollars for one unit of each row's currency at its moment, Decimal(18, 12); null where no rate is known.

        currency: String|null; moment: Datetime us UTC|null. Same length and order out.
        """
        wanted = pl.DataFrame({"currency": currency, "moment": moment.cast(_MOMENT)}).with_row_index("row")
        known = wanted.drop_nulls().sort("moment")
        found = known.join_asof(
            self._table, on="moment", by="currency", strategy="backward", check_sortedness=False
        ).select("row", "fx_rate")
        return wanted.select("row").join(found, on="row", how="left", maintain_order="left")["fx_rate"]

    @cached_property
    def _table(self) -> pl.DataFrame:
        rows = [(rate.currency, rate.valid_from or _EVER, rate.usd) for rate in self.rates]
        schema: dict[str, pl.DataType] = {"currency": pl.String(), "moment": _MOMENT, "fx_rate": _RATE}
        return pl.DataFrame(rows, schema=schema, orient="row").sort("moment")


def in_dollars(amount: Decimal, usd: Decimal) -> Decimal | None:
    """What an amount is worth at `usd` dollars for one unit, rounded once, half to even, to a picodollar.

    None when that is not more than nothing, or has no room in a row (a million dollars).
    """
    if not -1_000 < amount.adjusted() < _LARGEST.adjusted() + 20:
        return None
    dollars = _EXACT.multiply(amount, usd).quantize(_PLACES, ROUND_HALF_EVEN, _EXACT)
    return dollars if 0 < dollars < _LARGEST else None


def parse_fx(entries: Sequence[Mapping[str, Any]]) -> FxTable:
    """Read `[[pricing.fx]]` entries: currency, usd (dollars for one unit), from. Raises OwnPriceError."""
    parsers = {"currency": currency, "usd": positive(10**5), "from": moment}
    rates: list[FxRate] = []
    for number, entry in enumerate(entries, start=1):
        where = f"pricing.fx entry {number}"
        values = read_entry(where, entry, parsers)
        for key in ("currency", "usd"):
            if key not in values:
                raise OwnPriceError(f"{where}: {key}: missing")
        rate = FxRate(values["currency"], values["usd"], values.get("from"))
        if rate.currency == DOLLAR:
            raise OwnPriceError(f"{where}: currency: the lake is in USD, which needs no rate")
        for earlier, other in enumerate(rates, start=1):
            if (other.currency, other.valid_from) == (rate.currency, rate.valid_from):
                raise OwnPriceError(
                    f"{where}: from: entry {earlier} has a rate for {rate.currency} from then on already"
                )
        rates.append(rate)
    return FxTable(tuple(rates))
