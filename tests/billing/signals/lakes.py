"""A business beside a lake that holds what a test puts into it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from lake.connect import Lake
from tests.billing.shop import Shop, open_shop
from tests.lake.rows import NOON, frame
from tests.new_lakes import copied_when_new


@contextmanager
def shop_by_the_lake(folder: Path) -> Iterator[tuple[Shop, Lake]]:
    """A new business and a new lake."""
    with copied_when_new(), Lake.open(folder / "lake", threads=1) as lake, open_shop(folder, lake=lake) as shop:
        yield shop, lake


def put(lake: Lake, table: str, *rows: dict[str, Any]) -> None:
    """Rows into a table of the lake."""
    lake.run(lambda tx: tx.append(table, frame(table, rows)))


def event(number: int, *, at: datetime = NOON, **said: Any) -> dict[str, Any]:
    """A signal that was received when it happened."""
    return {
        "signal_id": f"sig_{number:032x}",
        "event_name": "chat_message",
        "source": "api",
        "customer_id": None,
        "product_id": None,
        "occurred_at": at,
        "received_at": at,
        "trace_id": None,
        "cost_traced": False,
        "data": None,
        **said,
    }
