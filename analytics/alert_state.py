"""From what is found now and what the lake holds to the rows of `alerts` to write. Pure.

An alert is told once: its identity follows from rule, scope and window. It is resolved when its figure is known and
does not fire any more, and stays so: a condition that comes back in the same window is not told again.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import orjson
import polars as pl
import xxhash

from analytics.alert_rules import AlertRule
from analytics.alert_windows import Window
from analytics.alerts import FOUND, KEY
from lake.schema import TABLES

MOST_SCOPES: Final = 100
"""Alerts that one rule opens in one window, the worst first; more would tell nobody anything."""

_ALERTS = TABLES["alerts"].polars_schema


def transitions(
    stored: pl.DataFrame,
    found: pl.DataFrame,
    looked_at: Sequence[tuple[AlertRule, Sequence[Window]]],
    now: datetime,
    *,
    deliver: bool,
) -> pl.DataFrame:
    """Rows of `alerts` that are new or have changed.

    stored: the rows of these rules and windows. found: schema FOUND. looked_at: which windows were evaluated, by rule.
    deliver: whether there is somebody to tell; if so each row is due at once.
    """
    due = now if deliver else None
    return pl.concat([_opened(stored, found, now, due), _resolved(stored, found, looked_at, now, due)])


def _opened(stored: pl.DataFrame, found: pl.DataFrame, now: datetime, due: datetime | None) -> pl.DataFrame:
    firing = found.filter(pl.col("status") == "firing")
    held = stored.select("rule", "window_start").group_by("rule", "window_start").agg(held=pl.len())
    fresh = (
        firing.join(stored, on=KEY, how="anti", nulls_equal=True)
        .join(held, on=("rule", "window_start"), how="left", maintain_order="left")
        .filter(pl.int_range(pl.len()).over("rule", "window_start") + pl.col("held").fill_null(0) < MOST_SCOPES)
    )
    ids = [_alert_id(row) for row in fresh.select(KEY).iter_rows()]
    opened = fresh.with_columns(
        pl.Series("alert_id", ids, dtype=pl.String()),
        state=pl.lit("firing"),
        fired_at=pl.lit(now),
        attempts=pl.lit(0),
        next_attempt_at=pl.lit(due),
    )
    return _rows(opened)


def _resolved(
    stored: pl.DataFrame,
    found: pl.DataFrame,
    looked_at: Sequence[tuple[AlertRule, Sequence[Window]]],
    now: datetime,
    due: datetime | None,
) -> pl.DataFrame:
    """Alerts that fire in the lake and neither fire nor are unknown now."""
    evaluated = pl.DataFrame(
        [(rule.name, window.start) for rule, seen in looked_at for window in seen],
        schema={"rule": pl.String(), "window_start": FOUND["window_start"]},
        orient="row",
    )
    over = (
        stored.filter(pl.col("state") == "firing")
        .join(evaluated, on=["rule", "window_start"], how="semi")
        .join(found, on=KEY, how="anti", nulls_equal=True)
    )
    return _rows(
        over.with_columns(
            state=pl.lit("resolved"),
            resolved_at=pl.lit(now),
            delivered_at=pl.lit(None),
            attempts=pl.lit(0),
            next_attempt_at=pl.lit(due),
            last_error=pl.lit(None),
        )
    )


def _rows(frame: pl.DataFrame) -> pl.DataFrame:
    """The columns of `alerts`, in its types; NULL where the frame has none."""
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in _ALERTS.items()
    )


def _alert_id(key: tuple[object, ...]) -> str:
    said = [
        value.isoformat() if isinstance(value, datetime) else None if value is None else str(value) for value in key
    ]
    return "alert_" + xxhash.xxh3_128_hexdigest(orjson.dumps(said))
