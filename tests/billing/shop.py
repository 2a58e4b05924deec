"""A business to test with: its own database, a clock that stands where it is put, and its API as a client sees it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from starlette.testclient import TestClient

from billing.api.app import create_api
from billing.context import Billing, LakeReader
from billing.database import Database, url_in
from billing.tables import Base

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)


@dataclass
class FixedClock:
    """Says the same time until it is moved."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        """Move on by a `timedelta(**by)`."""
        self.now += timedelta(**by)


@dataclass
class Shop:
    """`api` speaks to the routes (paths as below `/api/v2`); `clock` is the business's time."""

    billing: Billing
    clock: FixedClock
    api: TestClient = field(repr=False)

    @property
    def database(self) -> Database:
        return self.billing.database


@contextmanager
def open_shop(folder: Path, url: str | None = None, lake: LakeReader | None = None) -> Iterator[Shop]:
    """A new business in an empty folder, or in an empty database at `url`; beside a lake, if there is one."""
    database = Database(url or url_in(folder))
    clock = FixedClock()
    Base.metadata.create_all(database.engine)
    billing = Billing(database, lake, clock=clock)
    try:
        with TestClient(create_api(billing), raise_server_exceptions=True) as api:
            yield Shop(billing, clock, api)
    finally:
        database.close()
