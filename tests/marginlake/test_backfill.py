"""`marginlake backfill`: every job in order, from the archive to the margins, however often and wherever it stops."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lake import bulk
from lake.connect import Lake
from marginlake import backfill
from marginlake.backfill import STEPS, Step
from marginlake.backfill_steps import Work, import_archive
from marginlake.sources import ARCHIVE
from tests.marginlake.archives import archive
from tests.marginlake.captured_lakes import captured_lake
from tests.marginlake.conftest import Answer
from tests.marginlake.lakes import Tables, as_toml, broken, captured, differences, tables_of

Cli = Callable[..., Answer]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Tables]:
    """A data directory into which all that was captured came live, with the archive of it."""
    data = tmp_path_factory.mktemp("live") / "data"
    archive(data, captured())
    (data / "marginlake.toml").write_text(as_toml())
    return data, captured_lake(data)


@pytest.fixture
def lost(live: tuple[Path, Tables], tmp_path: Path) -> Path:
    """The same directory of which only the archive and the settings are left."""
    data = tmp_path / "data"
    data.mkdir()
    shutil.copytree(live[0] / ARCHIVE, data / ARCHIVE)
    shutil.copy(live[0] / "marginlake.toml", data)
    return data


def test_a_lake_that_is_lost_is_made_anew_from_its_archive(
    cli: Cli, lost: Path, live: tuple[Path, Tables], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MIN_ROWS", 5)
    answer = cli("backfill", "--data", lost)
    assert (answer.code, answer.err) == (0, "")
    assert [line.split(":")[0] for line in answer.out.splitlines()] == [step.name for step in STEPS]
    assert differences(live[1], tables_of(lost)) == []
    assert broken(lost) == {}
    again = cli("backfill", "--data", lost)
    assert again.code == 0
    assert differences(live[1], tables_of(lost)) == []
    assert not (lost / backfill.STATE_FILE).exists()


def test_steps_that_every_landing_does_are_left_out_only_where_the_run_made_every_row(
    cli: Cli, lost: Path, live: tuple[Path, Tables], tmp_path: Path
) -> None:
    made = cli("backfill", "--data", lost).out.splitlines()
    assert made[1:-1] == [
        "stated costs: done as it landed, there was nothing before",
        "reprice: done as it landed, there was nothing before",
        "relink: done as it landed, there was nothing before",
        "revalue: done as it landed, there was nothing before",
    ]
    assert made[-1].startswith("rollup: ")
    shutil.copytree(live[0], tmp_path / "other")
    beside = cli("backfill", "--data", tmp_path / "other").out.splitlines()
    assert beside[3] == "relink: 0 costs, 0 cost_links, 0 event_margins, 0 spans, 0 signals changed"


def test_a_run_that_was_killed_at_once_still_knows_that_there_was_nothing(
    cli: Cli, lost: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(lake: Lake, work: Work) -> str:
        import_archive(lake, work)
        raise OSError(28, "No space left on device")

    steps = backfill.STEPS
    monkeypatch.setattr(backfill, "STEPS", (Step("import", "bytes", killed), *steps[1:]))
    assert cli("backfill", "--data", lost).code == 1
    monkeypatch.setattr(backfill, "STEPS", steps)
    out = cli("backfill", "--data", lost).out.splitlines()
    assert " 0 new spans, 0 new signals, 0 known" in out[0]
    assert out[1:3] == [f"{step}: done as it landed, there was nothing before" for step in ("stated costs", "reprice")]


def test_a_dry_run_changes_nothing(cli: Cli, live: tuple[Path, Tables], tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(live[0], data)
    answer = cli("backfill", "--data", data, "--dry-run")
    assert (answer.code, answer.err) == (0, "")
    assert "import: " in answer.out
    assert ": 0 new spans, 0 new signals, " in answer.out
    assert "0 costs, 0 cost_links, 0 event_margins, 0 spans, 0 signals would change" in answer.out
    assert differences(live[1], tables_of(data)) == []
    assert not (data / backfill.STATE_FILE).exists()


@pytest.mark.parametrize("archived", [False, True])
def test_a_dry_run_needs_a_lake_and_a_run_at_least_an_archive(archived: bool, cli: Cli, tmp_path: Path) -> None:
    if archived:
        archive(tmp_path / "data", captured()[:1])
    answer = cli("backfill", "--data", tmp_path / "data", *(["--dry-run"] if archived else []))
    assert answer.code == 1
    assert answer.complaint.startswith(f"no lake at {tmp_path / 'data'}: run `marginlake serve`")


class TestBrokenOff:
    @pytest.fixture
    def ran(self) -> list[str]:
        return []

    @pytest.fixture
    def fails(self, monkeypatch: pytest.MonkeyPatch, ran: list[str]) -> Iterator[set[str]]:
        """Steps by these names fail."""
        names: set[str] = set()

        def step(name: str) -> Step:
            def run(lake: Lake, work: Work) -> str:
                if name in names:
                    raise OSError(28, "No space left on device")
                ran.append(name)
                return "done"

            return Step(name, "things", run)

        monkeypatch.setattr(backfill, "STEPS", tuple(map(step, ("one", "two", "three"))))
        return names

    def test_steps_that_were_finished_are_left_out(self, cli: Cli, lost: Path, ran: list[str], fails: set[str]) -> None:
        fails.add("two")
        answer = cli("backfill", "--data", lost)
        assert (answer.code, answer.complaint, ran) == (1, "No space left on device", ["one"])
        fails.clear()
        answer = cli("backfill", "--data", lost)
        assert answer.out.splitlines()[0] == "one: done by the run before"
        assert ran == ["one", "two", "three"]
        assert cli("backfill", "--data", lost).code == 0
        assert ran == ["one", "two", "three"] * 2

    def test_another_period_or_other_settings_begin_anew(
        self, cli: Cli, lost: Path, ran: list[str], fails: set[str]
    ) -> None:
        fails.add("two")
        cli("backfill", "--data", lost)
        cli("backfill", "--data", lost, "--from", "2026-01-01")
        (lost / "marginlake.toml").write_text("")
        cli("backfill", "--data", lost, "--from", "2026-01-01")
        assert ran == ["one"] * 3

    def test_a_lake_that_was_put_back_or_lost_since_begins_anew(
        self, cli: Cli, lost: Path, ran: list[str], fails: set[str]
    ) -> None:
        fails.add("two")
        cli("backfill", "--data", lost)
        with Lake.open(lost, threads=1) as lake, lake.transaction() as tx:
            tx.set_progress("x", 1)
        cli("backfill", "--data", lost)
        assert ran == ["one"]
        (lost / "catalog.sqlite").unlink()
        cli("backfill", "--data", lost)
        assert ran == ["one"] * 2

    def test_a_state_file_that_is_damaged_counts_as_none(
        self, cli: Cli, lost: Path, ran: list[str], fails: set[str]
    ) -> None:
        for damage in (b"", b"[1]", b"{}", b'{"run": 1}'):
            (lost / backfill.STATE_FILE).write_bytes(damage)
            assert cli("backfill", "--data", lost).code == 0
        assert ran == ["one", "two", "three"] * 4

    def test_two_at_once_do_not_run(self, cli: Cli, lost: Path, ran: list[str], fails: set[str]) -> None:
        with backfill.alone(lost):
            answer = cli("backfill", "--data", lost)
        assert answer.code == 1
        assert answer.complaint == f"another backfill of {lost} is running; wait for it, or stop it"
        assert ran == []


def test_segments_that_are_damaged_are_told_and_the_others_imported(cli: Cli, lost: Path) -> None:
    (lost / ARCHIVE / "00000000000000099999.mlj.zst").write_bytes(b"not a segment")
    answer = cli("backfill", "--data", lost)
    assert answer.code == 1
    assert answer.err.splitlines()[-1] == "marginlake: 1 segments of the archive could not be read"
    assert tables_of(lost)["spans"].height > 0
