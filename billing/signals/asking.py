"""Questions to the lake on behalf of a request: a lake that is busy for a moment is asked again."""

import random
import time
from typing import Final

import duckdb
import polars as pl

from billing.api.errors import ApiError
from billing.context import Billing
from lake.connect import first_line, is_transient

_ATTEMPTS: Final = 6


def ask(billing: Billing, sql: str, **frames: pl.DataFrame) -> pl.DataFrame:
    """The rows of one query on the newest committed state; `frames` are readable as tables of their names.

    Raises the API's 503 where the lake cannot be asked.
    """
    if billing.lake is None:
        raise ApiError(503, "Service unavailable", "there is no lake to ask")
    for attempt in range(_ATTEMPTS):
        try:
            return billing.lake.read(sql, **frames)
        except duckdb.Error as error:
            if not is_transient(error):
                raise
            failure = error
        time.sleep(random.uniform(0.5, 1.0) * min(0.02 * 2**attempt, 0.3))
    raise ApiError(503, "Service unavailable", f"the lake is busy; ask again: {first_line(failure)}")
