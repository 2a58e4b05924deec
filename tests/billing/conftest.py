"""A shop for each test; `either` is one on each kind of database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.billing.postgres import new_database, postgres
from tests.billing.shop import Shop, open_shop

__all__ = ["postgres"]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgres"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    """A shop on SQLite, then one on Postgres."""
    url = new_database(request.getfixturevalue("postgres")) if request.param == "postgres" else None
    with open_shop(tmp_path, url) as opened:
        yield opened
