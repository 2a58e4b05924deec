"""`marginlake rollup`, as an operator types it, and what upkeep does of it by itself."""

import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lake.connect import Lake
from marginlake import upkeep
from marginlake.config import Config
from tests.analytics.stories import Story
from tests.marginlake.conftest import Answer
from tests.marginlake.lakes import fill, rules
from tests.new_lakes import empty_lake

Cli = Callable[..., Answer]


@pytest.fixture
def landed(tmp_path: Path, lake_dir: Path) -> Path:
    """A data directory with everything that was captured."""
    shutil.copytree(lake_dir, tmp_path / "data")
    return tmp_path / "data"


def margins(cli: Cli, data: Path) -> str:
    return cli("sql", "FROM margin_daily ORDER BY ALL", "--data", data, "--format", "csv").out


def test_the_figures_stay_and_the_second_time_there_is_nothing_to_do(cli: Cli, landed: Path) -> None:
    before = margins(cli, landed)
    dry = cli("rollup", "--data", landed, "--dry-run")
    done = cli("rollup", "--data", landed)
    assert (dry.code, done.code, done.err) == (0, 0, "")
    assert dry.out.startswith("would roll up: ")
    assert done.out == dry.out.replace("would roll up: ", "rolled up: ")
    assert margins(cli, landed) == before
    assert cli("rollup", "--data", landed).out == "rolled up: 0 days, 0 events, 0 calls\n"
    assert cli("doctor", "--data", landed).code == 0


def test_today_is_never_rolled_up(cli: Cli, tmp_path: Path) -> None:
    empty_lake(tmp_path)
    with Lake.open(tmp_path, threads=1) as lake, lake.transaction() as tx:
        tx.append("event_margins", tx.read(_event_now()))
    assert cli("rollup", "--data", tmp_path, "--to", "2100-01-01").out == "rolled up: 0 days, 0 events, 0 calls\n"


def _event_now() -> str:
    said = f"'e' AS signal_id, 'report' AS event_name, '{datetime.now(UTC).isoformat()}'::TIMESTAMPTZ AS occurred_at"
    return f"SELECT {said}, 'untraced' AS cost_status"


def test_a_spoilt_rollup_is_noticed(cli: Cli, landed: Path) -> None:
    cli("rollup", "--data", landed)
    with Lake.open(landed) as lake, lake.durable_transaction() as connection:
        connection.execute("UPDATE margin_rollup SET signals = signals + 1")
    doctor = cli("doctor", "--data", landed)
    assert doctor.code == 1
    assert "rolled_days_hold" in doctor.out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--from", "2026-11-02", "--to", "2026-11-01"), "--from must be before --to"),
        (("--from", "2100-01-01"), "--from must be before --to, and in the past"),
        (("--from", "tomorrow"), "tomorrow"),
    ],
)
def test_a_wrong_period_is_told_in_a_line(cli: Cli, landed: Path, arguments: tuple[str, ...], complaint: str) -> None:
    answer = cli("rollup", "--data", landed, *arguments)
    assert answer.code == 2
    assert complaint in answer.complaint


def test_without_a_lake(cli: Cli, tmp_path: Path) -> None:
    answer = cli("rollup", "--data", tmp_path)
    assert answer.code == 1
    assert answer.complaint.startswith(f"no lake at {tmp_path}")


def test_upkeep_rolls_up_days_that_are_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "ARCHIVE_SECONDS", 0.01)
    monkeypatch.setattr(upkeep, "SETTLE_SECONDS", 0.01)
    monkeypatch.setattr(upkeep, "ROLLUP_PAUSE", 0)
    empty_lake(tmp_path)
    (tmp_path / "journal").mkdir()
    story = Story()
    with Lake.open(tmp_path, threads=1) as lake:
        fill(lake, [[story.call(1)]])
        thread = upkeep.Upkeep(lake, tmp_path / "journal", tmp_path / "archive", Config(), lambda: 1, rules)
        thread.start()
        wait_until(lake, 1)
        fill(lake, [[story.call(2, trace=2)]])
        wait_until(lake, 2)
        thread.stop()
        assert lake.read("SELECT sum(unpriced_calls) FROM margin_rollup").item() == 0


def wait_until(lake: Lake, calls: int) -> None:
    """Until the story's day is rolled up with the cost of so many calls."""
    rolled = "SELECT count(*) FROM margin_rollup SEMI JOIN (FROM rolled_days WHERE rolled_at IS NOT NULL) USING (day) "
    deadline = time.monotonic() + 60
    while lake.read(f"{rolled} WHERE unclaimed_cost_usd = {calls} * 0.00015").item() != 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)
