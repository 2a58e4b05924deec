"""Signals in the lake, the newest first, by what is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from billing.context import Billing
from billing.signals.asking import ask
from lake.definitions import quoted

_COLUMNS: Final = (
    "signal_id, event_name, customer_id, product_id, trace_id, data, coalesce(received_at, occurred_at) AS received_at"
)


@dataclass(frozen=True)
class Wanted:
    """Which signals: of one name, of one of these customer and product texts (each set must have it), received within.

    received_from and received_to are both inclusive.
    """

    name: str | None = None
    customers: Sequence[set[str]] = field(default=())
    products: Sequence[set[str]] = field(default=())
    received_from: datetime | None = None
    received_to: datetime | None = None

    @property
    def condition(self) -> str:
        """In SQL, on the table of signals."""
        parts = [] if self.name is None else [f"event_name = {quoted(self.name)}"]
        parts += [f"customer_id IN ({_list(texts)})" for texts in self.customers]
        parts += [f"product_id IN ({_list(texts)})" for texts in self.products]
        if self.received_from is not None:
            parts.append(f"received_at >= {_moment(self.received_from)}")
        if self.received_to is not None:
            parts.append(f"received_at <= {_moment(self.received_to)}")
        return " AND ".join(parts) or "true"


def list_signals(billing: Billing, wanted: Wanted, limit: int, offset: int) -> tuple[list[dict[str, Any]], int]:
    """A part of the signals, and how many there are in all. Raises the API's 503."""
    where = wanted.condition
    found = ask(
        billing,
        f"""
        WITH page AS (
            SELECT signal_id, received_at FROM signals WHERE {where}
            ORDER BY received_at DESC, signal_id DESC LIMIT {limit:d} OFFSET {offset:d}
        ), shown AS (SELECT {_COLUMNS} FROM signals SEMI JOIN page USING (signal_id))
        SELECT total, shown.* FROM (SELECT count(*) AS total FROM signals WHERE {where}) LEFT JOIN shown ON true
        ORDER BY received_at DESC, signal_id DESC
        """,
    )
    rows = [row for row in found.to_dicts() if row["signal_id"] is not None]
    return rows, int(found["total"][0])


def one_signal(billing: Billing, signal_id: str) -> dict[str, Any] | None:
    """The signal of an id. Raises the API's 503."""
    rows = ask(billing, f"SELECT {_COLUMNS} FROM signals WHERE signal_id = {quoted(signal_id)}").to_dicts()
    return rows[0] if rows else None


def _list(texts: set[str]) -> str:
    return ", ".join(map(quoted, sorted(texts)))


def _moment(moment: datetime) -> str:
    return f"TIMESTAMPTZ {quoted(moment.isoformat())}"
