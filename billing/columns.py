"""Column types that mean the same on SQLite and on Postgres, and that DuckDB reads well from either."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
from sqlalchemy import DateTime, Dialect, String, Text
from sqlalchemy.types import TypeDecorator


class Moment(TypeDecorator[datetime]):
    """A moment in UTC, to the microsecond; always with a zone in Python. Raises ValueError for one without."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """With a zone where the database has zones."""
        return dialect.type_descriptor(DateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """A moment in UTC, as the database has it."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a zone")
        moment = value.astimezone(UTC)
        return moment if dialect.name == "postgresql" else moment.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """A moment with its zone."""
        del dialect
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo is not None else value.replace(tzinfo=UTC)


class Json(TypeDecorator[Any]):
    """JSON kept as text, with decimals as exact numbers; what is read back has decimals for fractions."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """The text of the content."""
        del dialect
        return None if value is None else dump_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """The content of the text."""
        del dialect
        return None if value is None else load_json(value)


class Exact(TypeDecorator[Decimal]):
    """A decimal kept as its text, so that no database rounds it."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        """The digits of the decimal."""
        del dialect
        return None if value is None else f"{value:f}"

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:
        """The decimal of the digits."""
        del dialect
        return None if value is None else Decimal(value)


def dump_json(value: Any) -> str:
    """JSON text of plain content; decimals are numbers with all their digits, moments RFC 3339."""
    return orjson.dumps(value, default=_as_written).decode()


def load_json(text: str | bytes) -> Any:
    """Parsed JSON whose fractional numbers are decimals."""
    return json.loads(text, parse_float=Decimal)


def _as_written(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(f"{value:f}")
    raise TypeError(f"not a JSON value: {type(value).__name__}")
