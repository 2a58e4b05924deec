"""Relink: what was worked out can be lost or spoilt; from spans and signals it comes back the same."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from analytics.event_rules import EventRules
from analytics.period import Period
from analytics.recompute import Changes
from analytics.relink import relink
from lake.connect import Lake
from tests.marginlake.captured_lakes import captured_lake
from tests.marginlake.lakes import differences, rules, tables

RESULTS = ("cost_links", "event_margins")


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    """A lake with everything that was captured."""
    captured_lake(tmp_path)
    with Lake.open(tmp_path, threads=1) as opened:
        yield opened


def again(lake: Lake, period: Period | None = None, *, dry_run: bool = False) -> Changes:
    return relink(lake, rules().events, rules().price_again, period, dry_run=dry_run)


def files_of(lake: Lake) -> set[Path]:
    return set((lake.data_dir / "data").rglob("*.parquet"))


def snapshot_of(lake: Lake) -> int:
    return int(lake.read("SELECT max(snapshot_id) AS id FROM ducklake_snapshots('lake')").item())


def lose_results(lake: Lake) -> None:
    with lake.transaction() as tx:
        tx.delete("cost_links", tx.read("SELECT cost_id, signal_id FROM cost_links"))
        tx.delete("event_margins", tx.read("SELECT signal_id FROM event_margins"))


def test_a_healthy_lake_is_left_alone(lake: Lake) -> None:
    before, files, snapshot = tables(lake), files_of(lake), snapshot_of(lake)
    assert again(lake) == Changes()
    assert differences(tables(lake), before) == []
    assert files_of(lake) == files
    assert snapshot_of(lake) == snapshot


def test_lost_and_spoilt_rows_come_back_the_same(lake: Lake) -> None:
    before = tables(lake)
    lose_results(lake)
    with lake.durable_transaction() as connection:
        connection.execute("UPDATE costs SET customer_id = 'nobody', product_id = 'nothing'")
        connection.execute("UPDATE signals SET customer_id = NULL WHERE trace_id IS NOT NULL")
        connection.execute("UPDATE spans SET customer_id = 'nobody'")
    changes = again(lake)
    assert differences(tables(lake), before) == []
    assert changes.links == before["cost_links"].height
    assert changes.margins == before["event_margins"].height
    assert changes.costs == before["costs"].height
    assert again(lake) == Changes()


def test_links_and_margins_of_nothing_go(lake: Lake) -> None:
    before = tables(lake)
    with lake.transaction() as tx:
        links, margins = tx.read("SELECT * FROM cost_links"), tx.read("SELECT * FROM event_margins")
        tx.append("cost_links", links.head(1).with_columns(cost_id=pl.lit("cost_x_y")))
        tx.append("cost_links", links.head(1).with_columns(signal_id=pl.lit("sig_gone")))
        tx.append("event_margins", margins.head(1).with_columns(signal_id=pl.lit("sig_gone")))
    again(lake)
    assert differences(tables(lake), before) == []


def test_a_dry_run_counts_exactly_and_writes_nothing(lake: Lake) -> None:
    lose_results(lake)
    before, files, snapshot = tables(lake), files_of(lake), snapshot_of(lake)
    counted = again(lake, dry_run=True)
    assert differences(tables(lake), before) == []
    assert files_of(lake) == files
    assert snapshot_of(lake) == snapshot
    assert counted == again(lake) != Changes()


def test_only_the_period_is_looked_at(lake: Lake) -> None:
    """Its bounds are times of spans and events; the start is in, the end is not."""
    before = tables(lake)
    moments = before["event_margins"]["occurred_at"].unique().sort()
    middle = moments[len(moments) // 2]
    lose_results(lake)
    early = again(lake, Period(None, middle))
    assert 0 < early.margins < before["event_margins"].height
    late = again(lake, Period(middle, None))
    assert early.margins + late.margins == before["event_margins"].height
    assert differences(tables(lake), before) == []


def test_a_period_without_data_changes_nothing(lake: Lake) -> None:
    lose_results(lake)
    assert again(lake, Period(datetime(2019, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC))) == Changes()


def test_it_says_how_far_it_is(lake: Lake) -> None:
    told: list[tuple[int, int]] = []
    relink(lake, EventRules(), rules().price_again, progress=lambda done, total: told.append((done, total)))
    assert told
    assert told[-1][0] == told[-1][1]
