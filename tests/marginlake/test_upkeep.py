"""What the service's upkeep thread does by itself."""

import time
from pathlib import Path

import pytest

from lake.connect import Lake
from marginlake import upkeep
from marginlake.config import Config
from marginlake.rules import rules_from
from tests.analytics.stories import Story
from tests.marginlake.lakes import fill, land_into
from tests.new_lakes import empty_lake


def test_hours_that_are_over_are_settled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "ARCHIVE_SECONDS", 0.01)
    rules = rules_from(Config(pricing={"override": ({"name": "pool", "provider": "openai", "per_hour": "1"},)}), None)
    empty_lake(tmp_path)
    (tmp_path / "journal").mkdir()
    with Lake.open(tmp_path, threads=1) as lake:
        fill(lake, [[Story().call(1), Story().call(2)]], rules)
        thread = upkeep.Upkeep(
            lake, tmp_path / "journal", tmp_path / "archive", Config(), lambda: 1, lambda: rules
        )  # fmt: skip
        thread.start()
        unpriced, deadline = 2, time.monotonic() + 60
        while unpriced and time.monotonic() < deadline:
            time.sleep(0.05)
            unpriced = lake.read("SELECT count(*) FROM costs WHERE cost_usd IS NULL").item()
        thread.stop()
        assert unpriced == 0
        assert lake.read("SELECT sum(cost_usd) FROM costs").item() == 1


DAY_MS = 24 * 3_600_000


def days_landed(lake: Lake, days: int) -> None:
    story = Story()
    land_into(lake, [[story.call(day + 1, trace=day + 1, at=-day * DAY_MS) for day in range(days)]])


def test_a_backlog_of_days_is_rolled_up_a_little_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "ROLLUP_SECONDS", 0.0)
    empty_lake(tmp_path)
    with Lake.open(tmp_path, threads=1) as lake:
        days_landed(lake, 3)
        work = upkeep.Upkeep(
            lake, tmp_path / "journal", tmp_path / "archive", Config(), lambda: 1, lambda: rules_from(Config(), None)
        )  # fmt: skip
        for turn in range(1, 4):
            began = time.monotonic()
            due = work._rolled_up() - began
            assert lake.read("SELECT count(*) FROM rolled_days WHERE rolled_at IS NOT NULL").item() == turn
            took = time.monotonic() - began
            # the pause is in proportion to the work, and a backlog need not wait for the minute
            assert due >= (upkeep.SETTLE_SECONDS if turn == 3 else took + 0.9 * upkeep.ROLLUP_PAUSE * took)
        work._rolled_up()
        assert lake.read("SELECT count(*) FROM rolled_days WHERE rolled_at IS NOT NULL").item() == 3


def test_the_thread_works_off_the_backlog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("ARCHIVE_SECONDS", 0.01), ("ROLLUP_SECONDS", 0.0), ("ROLLUP_PAUSE", 0)):
        monkeypatch.setattr(upkeep, name, value)
    rules = rules_from(Config(), None)
    empty_lake(tmp_path)
    (tmp_path / "journal").mkdir()
    with Lake.open(tmp_path, threads=1) as lake:
        days_landed(lake, 3)
        thread = upkeep.Upkeep(
            lake, tmp_path / "journal", tmp_path / "archive", Config(), lambda: 1, lambda: rules
        )  # fmt: skip
        thread.start()
        rolled, deadline = 0, time.monotonic() + 60
        while rolled < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
            rolled = lake.read("SELECT count(*) FROM rolled_days WHERE rolled_at IS NOT NULL").item()
        thread.stop()
        assert rolled == 3
