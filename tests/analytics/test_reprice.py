"""Reprice: what the lake holds becomes what it would be, had everything come in under the other prices."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from signal import SIGKILL

import polars as pl
import pytest

from analytics import reprice as module
from analytics.period import Period
from analytics.recompute import Changes
from analytics.reprice import Repriced, reprice
from analytics.reprice_difference import difference
from analytics.reprice_rows import NewPrices
from lake.commit import Transaction
from lake.connect import Lake
from tests.marginlake.books import UNKNOWN, earlier, later, prices_of, rules_under
from tests.marginlake.captured_lakes import captured_lake
from tests.marginlake.lakes import (
    Tables,
    broken,
    captured,
    differences,
    fill,
    land_into,
    span_by_span,
    tables,
    tables_of,
)  # fmt: skip


@pytest.fixture(scope="module")
def under_later(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """What everything that was captured is under the later book."""
    return captured_lake(tmp_path_factory.mktemp("later"), later())


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    """Everything that was captured, priced by the earlier book."""
    captured_lake(tmp_path, earlier())
    with Lake.open(tmp_path, threads=1) as opened:
        yield opened


def again(lake: Lake, catalog: str, period: Period | None = None, **options: object) -> Repriced:
    rules = rules_under(catalog)
    return reprice(lake, rules.events, rules.price_again, prices_of(catalog), period, **options)  # type: ignore[arg-type]


def stop_after(parts: int) -> Callable[[], bool]:
    asked = iter([False] * parts)
    return lambda: next(asked, True)


def test_it_is_as_if_everything_had_come_in_under_the_new_prices(lake: Lake, under_later: Tables) -> None:
    before = tables(lake)
    assert differences(before, under_later)
    done = again(lake, later())
    assert differences(tables(lake), under_later) == []
    assert broken(lake) == {}
    assert done.reached is None
    assert done.changes.costs == done.entry.changed > 0
    assert done.changes.margins > 0


def test_twice_is_once_and_there_and_back_is_nothing(lake: Lake) -> None:
    before = tables(lake)
    again(lake, later())
    once = tables(lake)
    assert again(lake, later()).changes == Changes()
    assert differences(tables(lake), once) == []
    again(lake, earlier())
    assert differences(tables(lake), before) == []


def test_the_difference_is_told_before_and_kept_in_the_lake(lake: Lake) -> None:
    """By model and customer; and the row of `reprices` says the same of the whole."""
    found = difference(lake, prices_of(later()))
    before = lake.read("SELECT sum(cost_usd) FROM costs").item()
    assert found.total("before_usd") == before
    entry = again(lake, later()).entry
    after = lake.read("SELECT sum(cost_usd) FROM costs").item()
    assert found.total("after_usd") == after > before
    assert (entry.cost_before_usd, entry.cost_after_usd) == (before, after)
    by_model = lake.read("SELECT provider, model, sum(cost_usd) AS usd FROM costs WHERE cost_usd > 0 GROUP BY ALL")
    told = found.by("provider", "model").join(by_model, on=["provider", "model"])
    assert told.height == by_model.height
    assert told.select((pl.col("after_usd") == pl.col("usd")).all()).item()
    stored = lake.read("SELECT * EXCLUDE (started_at, finished_at), finished_at > started_at AS ended FROM reprices")
    assert stored.row(0, named=True) == {
        "reprice_id": entry.reprice_id, "catalog_id": later(), "period_from": None, "period_to": None,
        "snapshot_before": 2, "calls": found.count("calls"), "changed": entry.changed,
        "cost_before_usd": before, "cost_after_usd": after, "ended": True,
    }  # fmt: skip


def test_the_difference_says_what_was_unpriced(lake: Lake) -> None:
    """Once priced, those calls are no longer among the unpriced models."""
    unpriced = "SELECT count(*) FROM costs WHERE status = 'unpriced'"
    models = f"SELECT count(*) FROM unpriced_models WHERE model LIKE '{UNKNOWN}%'"
    before = lake.read(unpriced).item()
    assert lake.read(models).item() > 0
    found = difference(lake, prices_of(later()))
    again(lake, later())
    assert found.count("newly_priced") == before - lake.read(unpriced).item() > 0
    assert found.count("newly_unpriced") == 0
    assert lake.read(models).item() == 0
    assert difference(lake, prices_of(earlier())).count("newly_unpriced") == found.count("newly_priced")


def test_a_difference_reads_little_at_a_time(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = difference(lake, prices_of(later()))
    monkeypatch.setattr("analytics.reprice_difference.CHUNK", 7)
    told: list[tuple[int, int]] = []
    parts = difference(lake, prices_of(later()), progress=lambda done, total: told.append((done, total)))
    assert parts.groups.equals(whole.groups)
    assert len(told) > 20
    assert told[-1][0] == told[-1][1]


def test_what_was_can_still_be_asked(lake: Lake) -> None:
    before = tables(lake)
    views = {view: lake.read(f"SELECT * FROM {view} ORDER BY ALL") for view in ("margin_by_customer", "coverage")}
    snapshot = again(lake, later()).entry.snapshot_before
    for name in ("costs", "cost_links", "event_margins"):
        columns = ", ".join(before[name].columns)
        was = lake.read(f"SELECT {columns} FROM {name} AT (VERSION => {snapshot}) ORDER BY 1, 2")
        assert was.equals(before[name].sort(was.columns[:2]), null_equal=True)
    for view, rows in views.items():
        assert lake.read(f"SELECT * FROM {view} AT (VERSION => {snapshot}) ORDER BY ALL").equals(rows)


def test_calls_outside_the_period_keep_their_prices(lake: Lake, under_later: Tables) -> None:
    """The start is in, the end is not; links and margins follow what changed."""
    before = tables(lake)
    moments = before["costs"]["occurred_at"].unique().sort()
    period = Period(moments[60], moments[150])
    again(lake, later(), period)
    after = tables(lake)
    inside = period.holds("occurred_at")
    assert_same(after["costs"].filter(~inside), before["costs"].filter(~inside))
    assert_same(after["costs"].filter(inside), under_later["costs"].filter(inside))
    assert 0 < after["costs"].filter(inside).height < after["costs"].height
    assert broken(lake) == {}
    again(lake, later(), Period(None, moments[60]))
    again(lake, later(), Period(moments[150], None))
    assert differences(tables(lake), under_later) == []


def assert_same(one: pl.DataFrame, other: pl.DataFrame) -> None:
    assert one.height > 0
    assert one.equals(other, null_equal=True)


def test_a_period_without_calls_changes_nothing(lake: Lake) -> None:
    before = tables(lake)
    done = again(lake, later(), Period(datetime(2019, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)))
    assert (done.entry.calls, done.entry.changed, done.changes) == (0, 0, Changes())
    assert differences(tables(lake), before) == []


def test_a_run_that_was_stopped_goes_on_where_it_was(
    lake: Lake, under_later: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half done it is exact already; the row of the run tells the whole when it ends, and its marker is gone."""
    monkeypatch.setattr(module, "CHUNK", 25)
    start = lake.read("SELECT sum(cost_usd) FROM costs").item()
    stopped = again(lake, later(), stop=stop_after(3))
    assert stopped.reached is not None
    assert stopped.entry.finished_at is None
    assert broken(lake) == {}
    assert differences(tables(lake), under_later)
    told: list[tuple[int, int]] = []
    done = again(lake, later(), progress=lambda done, total: told.append((done, total)))
    assert told[-1][1] < lake.read("SELECT count(*) FROM costs").item()
    assert differences(tables(lake), under_later) == []
    assert done.entry.reprice_id == stopped.entry.reprice_id
    assert done.entry.snapshot_before == stopped.entry.snapshot_before
    assert done.entry.changed == stopped.changes.costs + done.changes.costs
    assert (done.entry.cost_before_usd, done.entry.cost_after_usd) == (start, sum_of(under_later))
    assert lake.read("SELECT count(*) FROM ingest_progress WHERE source LIKE 'reprice:%'").item() == 0
    assert lake.read("SELECT count(*) FROM reprices").item() == 1


def sum_of(found: Tables) -> Decimal:
    return Decimal(found["costs"]["cost_usd"].cast(pl.Decimal(38, 12)).sum())


def test_stopped_before_it_began(lake: Lake) -> None:
    before = tables(lake)
    assert again(lake, later(), stop=lambda: True).changes == Changes()
    assert differences(tables(lake), before) == []
    assert again(lake, later()).entry.changed > 0


def test_a_stopped_run_begins_anew_after_another_one(
    lake: Lake, under_later: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it had done, the other one may have undone."""
    monkeypatch.setattr(module, "CHUNK", 25)
    again(lake, later(), stop=stop_after(4))
    again(lake, earlier())
    again(lake, later())
    assert differences(tables(lake), under_later) == []
    assert lake.read("SELECT count(*), count(finished_at) FROM reprices").row(0) == (3, 2)


KILLED = """
import os, signal, sys
from pathlib import Path
from analytics import reprice as module
from lake.connect import Lake
from tests.marginlake.books import later, prices_of, rules_under

module.CHUNK = 25
rules = rules_under(later())
def die(done, total):
    if done > 80:
        os.kill(os.getpid(), signal.SIGKILL)
with Lake.open(Path(sys.argv[1]), threads=1) as lake:
    module.reprice(lake, rules.events, rules.price_again, prices_of(later()), progress=die)
"""


def test_killed_and_run_again(tmp_path: Path, under_later: Tables) -> None:
    captured_lake(tmp_path, earlier())
    died = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], timeout=100, check=False)
    assert died.returncode == -SIGKILL
    assert broken(tmp_path) == {}
    assert differences(tables_of(tmp_path), under_later)
    with Lake.open(tmp_path, threads=1) as lake:
        done = again(lake, later())
        assert 0 < done.changes.costs < done.entry.changed
        assert differences(tables(lake), under_later) == []


def test_beside_data_that_lands_meanwhile(tmp_path: Path, under_later: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread lands spans of the same traces, priced by the later book, between and during its transactions."""
    monkeypatch.setattr(module, "CHUNK", 25)
    alone = [single for record in captured() for single in span_by_span(record)]
    fill(tmp_path, [alone[0::2]], rules_under(earlier()))
    with Lake.open(tmp_path, threads=1) as lake:
        rest = alone[1::2]
        batches = [rest[at : at + 60] for at in range(0, len(rest), 60)]
        landing = threading.Thread(target=land_into, args=(lake, batches, rules_under(later())), kwargs={"source": "b"})
        landing.start()
        again(lake, later())
        landing.join(100)
        assert broken(lake) == {}
        again(lake, later())
        assert differences(tables(lake), under_later) == []
        assert again(lake, later()).changes == Changes()


def test_estimates_come_before_prices(lake: Lake) -> None:
    """A step may fill in the usage that a call did not report; what the call costs follows from it."""
    silent = "SELECT count(*) FROM costs WHERE usage_source = 'missing' AND status = 'unpriced'"
    assert lake.read(silent).item() > 0

    def guess(tx: Transaction, calls: pl.DataFrame) -> pl.DataFrame:
        missing = pl.col("usage_source") == "missing"
        return calls.with_columns(
            pl.when(missing).then(1000).otherwise("input_tokens").alias("input_tokens"),
            pl.when(missing).then(pl.lit("estimated")).otherwise("usage_source").alias("usage_source"),
        )

    rules = rules_under(later())
    new: NewPrices = replace(prices_of(later()), estimate=guess)
    found = difference(lake, new)
    done = reprice(lake, rules.events, rules.price_again, new)
    assert lake.read(silent).item() == 0
    estimated = lake.read("SELECT count(*) FILTER (cost_usd > 0) FROM costs WHERE usage_source = 'estimated'").item()
    assert estimated > 0
    assert found.count("newly_priced") >= estimated
    assert broken(lake) == {}
    assert reprice(lake, rules.events, rules.price_again, new).changes == Changes()
    assert done.changes.costs > 0


def test_something_may_follow_when_all_is_priced(lake: Lake) -> None:
    """It sees the new prices; a stopped run does not get there."""
    seen: list[tuple[Period, Decimal]] = []

    def look(lake: Lake, period: Period) -> None:
        seen.append((period, lake.read("SELECT sum(cost_usd) FROM costs").item()))

    again(lake, later(), stop=lambda: True, after=look)
    assert seen == []
    done = again(lake, later(), after=look)
    assert seen == [(Period(), done.entry.cost_after_usd)]


def test_every_price_used_is_in_the_lake(lake: Lake) -> None:
    again(lake, later())
    used = lake.read("SELECT DISTINCT catalog_id FROM costs WHERE rate_id IS NOT NULL")["catalog_id"].to_list()
    assert used == [later()]
    known = set(lake.read("SELECT catalog_id FROM catalogs")["catalog_id"])
    assert known == {earlier(), later()}
