"""Signals debited from the lake: whatever brought them there, and whatever they came to be by later spans.

The follower reads the events that changed since it looked last (`event_margins.updated_at`, which rises with each
commit of the lake) and meters those whose event has a price in credits. It may be killed at any point: its place is
kept once all are metered, and a signal that was debited already changes nothing.
"""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.context import Billing, LakeReader
from billing.customers.create import ensure_customer
from billing.metering.apply import meter
from billing.metering.match import customers_of, strangers_only
from billing.metering.prices import CREDIT_TYPES
from billing.metering.use import USE_SCHEMA, uses_of
from billing.tables.metering import MeteringProgress
from billing.tables.orders import OrderAttribute

log = logging.getLogger(__name__)

PLACE: Final = "lake"
ROWS_AT_ONCE: Final = 200_000
"""Events read at a time."""

SIGNALS_AT_ONCE: Final = 500
"""Signals, or new customers, in one transaction: whoever sends signals meanwhile wants their turn."""

Done = Callable[..., bool]
"""Whether a signal is debited as it stands, by its id, event name, customer, product and time."""

_SAID: Final = ("signal_id", "event_name", "customer_id", "product_id", "occurred_at")

BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SMALLEST_STRETCH: Final = timedelta(seconds=1)

_COLUMNS: Final = ", ".join(name for name in USE_SCHEMA if name not in ("quantity", "data", "customer_unit"))


def catch_up(
    billing: Billing, stop: Callable[[], bool] = lambda: False, done: Done = lambda signal_id, *said: False
) -> int:
    """Meter what changed in the lake since the last time; gives how many debits that looked at. Can be stopped.

    done: of which signals it is known that they are debited as they stand (see `Done`).
    """
    lake = billing.lake
    if lake is None:
        return 0
    with billing.database.read() as session:
        place = session.get(MeteringProgress, PLACE)
        since = place.seen_until if place is not None else BEGINNING
    head = _changed(lake, since, None, None)
    if head.rows == 0 or head.first is None or head.last is None or head.newest is None:
        return 0
    metered = 0
    for first, last in _stretches(lake, since, head.first, head.last, head.rows):
        if stop():
            return metered
        metered += _meter_changed(billing, lake, since, head.newest, first, last, stop, done)
    if not stop():
        newest = head.newest
        billing.database.write(lambda session: _keep_place(session, newest))
    return metered


def meter_stretch(
    billing: Billing, first: datetime, last: datetime, customers: list[str], stop: Callable[[], bool] = lambda: False
) -> int:
    """Meter the signals of some customers (names as they were sent) that happened from `first` to `last`, in order."""
    lake = billing.lake
    if lake is None or not customers:
        return 0
    named = pl.DataFrame({"customer_id": customers}, schema={"customer_id": pl.String})
    found = lake.read(
        f"SELECT {_COLUMNS} FROM event_margins SEMI JOIN named USING (customer_id) "
        f"WHERE occurred_at BETWEEN {_literal(first)} AND {_literal(last)}",
        named=named,
    )
    return _meter_rows(billing, lake, found, stop)


class _Head:
    def __init__(self, row: tuple[int, datetime | None, datetime | None, datetime | None]) -> None:
        self.rows, self.first, self.last, self.newest = row


def _changed(lake: LakeReader, since: datetime, first: datetime | None, last: datetime | None) -> _Head:
    within = "" if first is None or last is None else f" AND occurred_at BETWEEN {_literal(first)} AND {_literal(last)}"
    row = lake.read(
        "SELECT count(*), min(occurred_at), max(occurred_at), max(updated_at) FROM event_margins "
        f"WHERE updated_at > {_literal(since)}{within}"
    ).row(0)
    return _Head(row)


def _stretches(
    lake: LakeReader, since: datetime, first: datetime, last: datetime, rows: int
) -> Iterator[tuple[datetime, datetime]]:
    """Stretches of time, the earliest first, with at most `ROWS_AT_ONCE` changed events each, if that can be."""
    if rows <= ROWS_AT_ONCE or last - first <= _SMALLEST_STRETCH:
        yield first, last
        return
    middle = first + (last - first) / 2
    for begin, end in ((first, middle), (middle + timedelta(microseconds=1), last)):
        part = _changed(lake, since, begin, end)
        if part.rows and part.first is not None and part.last is not None:
            yield from _stretches(lake, since, part.first, part.last, part.rows)


def _meter_changed(
    billing: Billing,
    lake: LakeReader,
    since: datetime,
    newest: datetime,
    first: datetime,
    last: datetime,
    stop: Callable[[], bool],
    done: Done,
) -> int:
    found = lake.read(
        f"SELECT {_COLUMNS} FROM event_margins "
        f"WHERE updated_at > {_literal(since)} AND updated_at <= {_literal(newest)} "
        f"AND occurred_at BETWEEN {_literal(first)} AND {_literal(last)}"
    )
    _make_customers(billing, found, stop)
    return _meter_rows(billing, lake, found, stop, done)


def _make_customers(billing: Billing, found: pl.DataFrame, stop: Callable[[], bool]) -> None:
    """Customers that signals name and nobody knows; they are there from their first signal on."""
    names = found["customer_id"].drop_nulls().unique().sort().to_list()
    with billing.database.read() as session:
        known = customers_of(session, names)
    strangers = [name for name in strangers_only(names) if name and name not in known]
    for start in range(0, len(strangers), SIGNALS_AT_ONCE):
        if stop():
            return
        some = strangers[start : start + SIGNALS_AT_ONCE]
        now = billing.clock()

        def work(session: Session, some: list[str] = some, now: datetime = now) -> None:
            for name in some:
                ensure_customer(session, name, now)

        billing.database.write(work)


def _meter_rows(
    billing: Billing,
    lake: LakeReader,
    found: pl.DataFrame,
    stop: Callable[[], bool],
    done: Done = lambda signal_id, *said: False,
) -> int:
    """Meter those of the events that have a price in credits, or had one."""
    with billing.database.read() as session:
        query = select(OrderAttribute.event_name).where(OrderAttribute.pricing_type.in_(CREDIT_TYPES)).distinct()
        events = [name for name in session.scalars(query) if name is not None]
    wanted = found.filter(pl.col("event_name").is_in(events))
    fresh = [not done(*row) for row in wanted.select(_SAID).iter_rows()]
    wanted = wanted.filter(pl.Series(fresh, dtype=pl.Boolean))
    if wanted.is_empty():
        return 0
    ids = wanted.select("signal_id")
    first, last = wanted["occurred_at"].min(), wanted["occurred_at"].max()
    said = lake.read(
        "SELECT signal_id, quantity, data::VARCHAR AS data, customer_unit FROM signals SEMI JOIN ids USING (signal_id) "
        f"WHERE occurred_at BETWEEN {_literal(first)} AND {_literal(last)}",  # type: ignore[arg-type]
        ids=ids,
    )
    whole = wanted.join(said, on="signal_id", how="inner").sort("occurred_at", "signal_id").cast(USE_SCHEMA)  # type: ignore[arg-type]
    metered = 0
    for start in range(0, whole.height, SIGNALS_AT_ONCE):
        if stop():
            break
        uses = list(uses_of(whole.slice(start, SIGNALS_AT_ONCE)))
        now = billing.clock()
        metered += billing.database.write(
            lambda session, uses=uses, now=now: meter(session, uses, now, again=True).debits  # type: ignore[misc]
        )
    return metered


def look_at_everything(session: Session) -> None:
    """Let the follower begin anew: what was debited changes nothing, what was missed is made up for."""
    place = session.get(MeteringProgress, PLACE)
    if place is not None:
        place.seen_until = BEGINNING


def _keep_place(session: Session, newest: datetime) -> None:
    place = session.get(MeteringProgress, PLACE)
    if place is None:
        session.add(MeteringProgress(name=PLACE, seen_until=newest))
    else:
        place.seen_until = newest


def _literal(moment: datetime) -> str:
    return f"TIMESTAMPTZ '{moment.astimezone(UTC).isoformat(sep=' ')}'"
