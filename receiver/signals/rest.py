"""The body of `POST /api/v2/signals/bulk`: checked, and brought to the form the journal keeps.

A body is taken or refused as a whole. Anything wrong with its shape (the JSON, a missing or flat customer, a time
without a zone) is a `Malformed` that names the field, and nothing of the body is stored: the client library raises a
typed error for that, while a count of failed signals in a success is overlooked and loses revenue. Hence the
`failed` of the answer is always 0. An unknown customer or product is no error, and neither is a missing attribution.

Fields that are not known are ignored. Numbers in `data` keep every digit they were written with.
"""

import json
import re
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Final

import orjson
import xxhash
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from receiver.errors import Malformed

DEEPEST: Final = 64
"""Levels of nesting in a body; whoever reads the journal must be able to follow them."""

CUSTOMER_HINT: Final = '; write "customer": {"externalCustomerId": "..."}'

_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
_LONG_INT_DIGITS: Final = 19
"""Integers of fewer characters fit in 64 bits, which is what the JSON writer takes as they are."""

_RANDOM_BYTES: Final = 10

Text = Annotated[str, StringConstraints(strict=True, min_length=1)]


@dataclass(slots=True)
class NormalSignal:
    """One signal ready for the journal: its id and its JSON object.

    The object (`record` is its text, `content` what is in it, numbers as int or Decimal) has signal_id, event_name,
    customer_id, product_id|null, occurred_at (RFC 3339, UTC), data|null, idempotency_key|null, and customer_unit
    where one was given.
    """

    signal_id: str
    record: bytes
    content: Mapping[str, Any]

    @property
    def has_key(self) -> bool:
        """Whether the id follows from a key of the sender's."""
        return self.content["idempotency_key"] is not None


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Customer(_Part):
    """Who the signal is for: the caller's own id (preferred) or ours."""

    external_id: Text | None = Field(None, alias="externalCustomerId")
    id: Text | None = Field(None, alias="customerId")

    @property
    def known_as(self) -> str | None:
        """The id that names the customer everywhere else, spans included."""
        return self.external_id or self.id


class Attribution(_Part):
    """The product the signal belongs to."""

    external_id: Text | None = Field(None, alias="externalProductId")
    id: Text | None = Field(None, alias="productId")


class CustomerUnit(_Part):
    """The part of the customer (a department, a user) that caused the signal."""

    external_id: Text = Field(alias="externalCustomerUnitId")

    @field_validator("external_id")
    @classmethod
    def _is_no_path_step(cls, value: str) -> str:
        if value in (".", ".."):
            raise ValueError("must not be '.' or '..'")
        return value


class Signal(_Part):
    """One billable event, as a client sends it."""

    event_name: Text = Field(validation_alias=AliasChoices("eventName", "event_name"))
    customer: Customer
    attribution: Attribution | None = None
    customer_unit: CustomerUnit | None = Field(None, alias="customerUnit")
    timestamp: datetime | None = None
    data: dict[str, Any] | None = None
    idempotency_key: Annotated[str, StringConstraints(strict=True)] | None = Field(None, alias="idempotencyKey")

    @field_validator("customer")
    @classmethod
    def _names_a_customer(cls, value: Customer) -> Customer:
        if value.known_as is None:
            raise ValueError("needs externalCustomerId or customerId")
        return value

    @field_validator("timestamp", mode="before")
    @classmethod
    def _is_rfc3339(cls, value: object) -> object:
        if value is None:
            return None
        if not isinstance(value, str) or not _RFC3339.fullmatch(value):
            raise ValueError("must be an RFC 3339 time with a zone, like 2026-01-31T23:00:00Z")
        try:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise ValueError(f"is not a time: {error}") from error


class SignalsBody(_Part):
    """The whole body."""

    signals: list[Signal]


def parse_signals(body: bytes, received: datetime) -> list[NormalSignal]:
    """Check a body and normalise its signals, in order. `received` (with a zone) stands in for a missing timestamp.

    Raises Malformed naming the first field that is wrong.
    """
    try:
        content = json.loads(body, parse_float=Decimal, parse_int=_exact_int, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the body is not JSON: {error}") from error
    if _is_deeper_than(content, DEEPEST):
        raise Malformed(f"the body is nested deeper than {DEEPEST} levels")
    try:
        parsed = SignalsBody.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = _path(first["loc"])
        hint = CUSTOMER_HINT if field.endswith(".customer") else ""
        raise Malformed(f"{field or 'body'}: {first['msg']}{hint}", field) from None
    now = _rfc3339(received)
    ids = _ids([signal.idempotency_key for signal in parsed.signals])
    return [_normalize(signal, name, now) for signal, name in zip(parsed.signals, ids, strict=True)]


def journal_payload(signals: Iterable[NormalSignal]) -> bytes:
    """The journal record of some signals: the JSON object `{"signals": [...]}`."""
    return b'{"signals":[' + b",".join(signal.record for signal in signals) + b"]}"


def contents_in(payload: bytes) -> list[dict[str, Any]]:
    """What is in each signal of a journal record (`NormalSignal.content`); nothing of one that cannot be read."""
    try:
        signals = json.loads(payload, parse_float=Decimal, parse_int=_exact_int)["signals"]
        return [signal for signal in signals if isinstance(signal, dict)]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []


def signal_id_for(idempotency_key: str | None) -> str:
    """The id of a REST signal: the same for the same key, always; made without one (an empty key is none).

    A made one begins with the time (48 bits of milliseconds, then 80 random ones): what is kept by id stays in the
    order in which it came, and databases write whole pages of new rows, not one page for each.
    """
    return _ids([idempotency_key])[0]


def _ids(keys: Sequence[str | None]) -> list[str]:
    """`signal_id_for` of each. The kernel is asked for chance once: each time may cost the thread its turn."""
    milliseconds = f"{time.time_ns() // 1_000_000:012x}"
    chance = secrets.token_hex(_RANDOM_BYTES * len(keys))
    width = 2 * _RANDOM_BYTES
    return [
        "sig_" + xxhash.xxh3_128_hexdigest(b"key:" + key.encode(errors="surrogatepass"))
        if key
        else f"sig_{milliseconds}{chance[place * width : (place + 1) * width]}"
        for place, key in enumerate(keys)
    ]


def _normalize(signal: Signal, signal_id: str, received: str) -> NormalSignal:
    product = signal.attribution
    content: dict[str, Any] = {
        "signal_id": signal_id,
        "event_name": signal.event_name,
        "customer_id": signal.customer.known_as,
        "product_id": (product.external_id or product.id) if product else None,
        "occurred_at": received if signal.timestamp is None else _rfc3339(signal.timestamp),
        "data": signal.data,
        "idempotency_key": signal.idempotency_key or None,
    }
    if signal.customer_unit:
        content["customer_unit"] = signal.customer_unit.external_id
    try:
        record = orjson.dumps(content, default=_as_written)
    except (TypeError, UnicodeEncodeError) as error:
        # JSON's escapes can spell half a surrogate pair, which no text is.
        raise Malformed(f"the body holds text that is not Unicode: {error}") from error
    return NormalSignal(signal_id, record, content)


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _as_written(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(f"{type(value).__name__} is not JSON")


def _exact_int(text: str) -> int | Decimal:
    return int(text) if len(text) < _LONG_INT_DIGITS else Decimal(text)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _is_deeper_than(content: object, levels: int) -> bool:
    layer = _nesting([content])
    for _ in range(levels):
        layer = [inner for value in layer for inner in _nesting(value.values() if type(value) is dict else value)]
        if not layer:
            return False
    return bool(layer)


def _nesting(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if type(value) is dict or type(value) is list]


def _path(location: tuple[int | str, ...]) -> str:
    """`("signals", 0, "customer")` as `signals[0].customer`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location).removeprefix(".")
