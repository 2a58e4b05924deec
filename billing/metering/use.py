"""A signal as metering sees it, whichever way it came."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any, Final

import polars as pl

_PLACES: Final = Decimal("0.000001")
_DIGITS: Final = 12
"""Before the point, of a quantity: as the lake's DECIMAL(18,6) has them."""

_TOO_LARGE: Final = 10**_DIGITS
_ONE: Final = Decimal(1)

USE_SCHEMA: Final = {
    "signal_id": pl.String(),
    "event_name": pl.String(),
    "customer_id": pl.String(),
    "product_id": pl.String(),
    "occurred_at": pl.Datetime("us", "UTC"),
    "quantity": pl.Decimal(18, 6),
    "data": pl.String(),
    "customer_unit": pl.String(),
}
"""The columns that `uses_of` reads."""


@dataclass(slots=True)
class Use:
    """customer, product: names as they were sent. quantity: the signal's own, None for one that is no quantity.

    data: the event's data, or the JSON text of it. customer_unit: the external id of a part of the customer.
    """

    signal_id: str
    event_name: str
    customer: str | None
    product: str | None
    occurred_at: datetime
    quantity: Decimal | None
    data: str | Mapping[str, Any] | None
    customer_unit: str | None = None

    @property
    def content(self) -> Mapping[str, Any]:
        """The data, numbers exact; empty where there is none, or none that has names."""
        if not self.data:
            return {}
        if isinstance(self.data, str):
            found = json.loads(self.data, parse_float=Decimal, parse_int=Decimal)
            self.data = found if isinstance(found, dict) else {}
        return self.data

    @property
    def user(self) -> str | None:
        """The user whose seat pays (`data.external_user_id`)."""
        user = self.content.get("external_user_id")
        if isinstance(user, str):
            return user or None
        if isinstance(user, Decimal):
            return f"{user:f}"
        return str(user) if type(user) is int else None  # True is an int too

    def quantity_at(self, steps: tuple[str, ...]) -> Decimal | None:
        """The quantity at a place in the data: 1 where nothing is there, None for what is no quantity."""
        if steps == ("quantity",):
            return self.quantity
        value: Any = self.content
        for step in steps:
            value = value.get(step) if isinstance(value, Mapping) else None
        return quantity_of(value)


def quantity_of(value: object) -> Decimal | None:
    """What a value of the data is as a quantity: at most six decimals, rounded half to even; never negative."""
    if value is None:
        return _ONE
    if type(value) is int:  # True is an int too
        return Decimal(value) if 0 <= value < _TOO_LARGE else None
    if not isinstance(value, str | Decimal):
        return None
    try:
        number = Decimal(value.strip()) if isinstance(value, str) else value
        if not number.is_finite() or number < 0 or number.adjusted() >= _DIGITS:
            return None
        return number.quantize(_PLACES, ROUND_HALF_EVEN)
    except InvalidOperation:
        return None


def use_of(said: Mapping[str, Any]) -> Use:
    """A signal as the receiver journals it (`receiver.signals.rest`): the same reading as the lake's of it."""
    data = said.get("data")
    if data is not None and "paid" in data:  # addressed to us
        data = {name: value for name, value in data.items() if name != "paid"}
    return Use(
        signal_id=said["signal_id"],
        event_name=said["event_name"],
        customer=said.get("customer_id"),
        product=said.get("product_id"),
        occurred_at=datetime.fromisoformat(said["occurred_at"]),
        quantity=quantity_of(None if data is None else data.get("quantity")),
        data=data,
        customer_unit=said.get("customer_unit"),
    )


def uses_of(frame: pl.DataFrame) -> Iterator[Use]:
    """The signals of a frame with the columns of USE_SCHEMA."""
    return (Use(*row) for row in frame.select(list(USE_SCHEMA)).iter_rows())
