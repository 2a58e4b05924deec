"""`marginlake reprice` and `marginlake prices check`, as an operator types them."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from analytics import reprice as reprice_module
from lake.connect import Lake
from tests.marginlake.books import earlier, later, put_books
from tests.marginlake.captured_lakes import captured_lake
from tests.marginlake.conftest import Answer
from tests.marginlake.lakes import as_toml, differences, tables_of

Cli = Callable[..., Answer]


@pytest.fixture
def priced_earlier(tmp_path: Path) -> Path:
    """A data directory whose calls were priced by the earlier book, and which has both books now."""
    put_books(tmp_path)
    (tmp_path / "marginlake.toml").write_text(as_toml(metrics=()))
    captured_lake(tmp_path, earlier())
    return tmp_path


def test_it_shows_the_difference_then_makes_it_and_says_how_to_look_back(cli: Cli, priced_earlier: Path) -> None:
    before = total(cli, priced_earlier)
    dry = cli("reprice", "--data", priced_earlier, "--dry-run")
    assert (dry.code, dry.err) == (0, "")
    assert dry.out.endswith("dry run: nothing was changed\n")
    assert total(cli, priced_earlier) == before
    done = cli("reprice", "--data", priced_earlier)
    assert (done.code, done.err) == (0, "")
    shown = dry.out.removesuffix("dry run: nothing was changed\n")
    assert done.out.startswith(shown)
    after = total(cli, priced_earlier)
    assert f"before {before}, after {after}, change {after - before:+f} USD" in shown
    assert "unpriced to priced: 2, priced to unpriced: 0" in shown
    snapshot = done.out.split("(VERSION => ")[1].split(")")[0]
    assert total(cli, priced_earlier, f"costs AT (VERSION => {snapshot})") == before


def test_the_second_time_there_is_nothing_to_change(cli: Cli, priced_earlier: Path) -> None:
    cli("reprice", "--data", priced_earlier)
    once = tables_of(priced_earlier)
    again = cli("reprice", "--data", priced_earlier)
    assert "0 change in cost" in again.out
    assert "changed: 0 costs, 0 cost_links, 0 event_margins" in again.out
    assert differences(tables_of(priced_earlier), once) == []


def test_back_under_the_catalog_that_is_named(cli: Cli, priced_earlier: Path) -> None:
    """Every value is as it was, but what says when we did something."""
    before = tables_of(priced_earlier)
    cli("reprice", "--data", priced_earlier)
    assert cli("reprice", "--data", priced_earlier, "--catalog", earlier()[:9]).code == 0
    assert differences(tables_of(priced_earlier), before) == []


def test_interrupted_it_says_how_to_go_on_and_does(
    cli: Cli, priced_earlier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reprice_module, "CHUNK", 40)
    monkeypatch.setattr("marginlake.commands.interrupts.InterruptFlag.is_set", after_asking(2))
    stopped = cli("reprice", "--data", priced_earlier)
    assert stopped.code == 130
    assert "the same command goes on from there" in stopped.complaint
    monkeypatch.undo()
    assert cli("reprice", "--data", priced_earlier).code == 0
    with Lake.open(priced_earlier, read_only=True) as lake:
        assert lake.read("SELECT count(*), bool_and(finished_at IS NOT NULL) FROM reprices").row(0) == (1, True)


def after_asking(times: int) -> Callable[[object], bool]:
    asked = iter([*[False] * times, True])
    return lambda self: next(asked)


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("--from 2026-11-02 --to 2026-11-01", 2, "--from must be before --to"),
        ("--catalog zzz", 1, "no catalog with an id that starts with 'zzz'"),
        ("--data nowhere", 1, "no lake at nowhere"),
    ],
)
def test_what_cannot_be_done(line: str, code: int, told: str, cli: Cli, priced_earlier: Path) -> None:
    place = [] if "--data" in line else ["--data", priced_earlier]
    answer = cli("reprice", *line.split(), *place)
    assert (answer.code, answer.out) == (code, "")
    assert answer.complaint.startswith(told)


def test_check_finds_what_the_newer_book_charges_and_what_it_newly_knows(cli: Cli, priced_earlier: Path) -> None:
    rows = checked(cli, priced_earlier)
    catalog = {row["model"]: row for row in rows if row["check"] == "catalog"}
    assert set(catalog) == {"anthropic/claude-sonnet-4-5"}
    row = catalog["anthropic/claude-sonnet-4-5"]
    assert Decimal(row["other_usd"]) - Decimal(row["lake_usd"]) == Decimal(row["difference_usd"]) > 0
    exact = 100 * Decimal(row["difference_usd"]) / Decimal(row["lake_usd"])
    assert abs(Decimal(row["drift_pct"]) - exact) <= Decimal("0.0000005")
    newly = [(row["model"], row["calls"], row["lake_usd"]) for row in rows if row["check"] == "unpriced"]
    assert newly == [("openai/gpt-4o-mini", 2, None)]


def test_check_finds_nothing_new_once_repriced(cli: Cli, priced_earlier: Path) -> None:
    cli("reprice", "--data", priced_earlier)
    assert {row["check"] for row in checked(cli, priced_earlier)} <= {"reported"}
    against = {row["check"] for row in checked(cli, priced_earlier, "--against", earlier()[:12])}
    assert "catalog" in against
    assert later() != earlier()


def test_check_compares_with_what_the_senders_report(cli: Cli, priced_earlier: Path) -> None:
    """In the captures some senders' prices are not ours; the worst call is named."""
    rows = [row for row in checked(cli, priced_earlier, "--tolerance", "0") if row["check"] == "reported"]
    assert rows
    for row in rows:
        sql = f"SELECT reported_cost_usd <> cost_usd AS apart FROM costs WHERE cost_id = '{row['worst_cost_id']}'"
        assert json.loads(cli("sql", sql, "--data", priced_earlier, "--format", "json").out) == [{"apart": True}]


def test_check_fails_only_when_asked_to(cli: Cli, priced_earlier: Path) -> None:
    told = cli("prices", "check", "--data", priced_earlier)
    assert (told.code, told.err) == (0, "")
    assert "beyond 1 %" in told.out
    assert cli("prices", "check", "--data", priced_earlier, "--fail").code == 1
    cli("reprice", "--data", priced_earlier)
    calm = cli("prices", "check", "--data", priced_earlier, "--fail", "--tolerance", "1000000")
    assert (calm.code, "all within 1000000 %" in calm.out) == (0, True)


@pytest.mark.parametrize("tolerance", ["x", "-1", "nan"])
def test_a_tolerance_is_a_percentage(tolerance: str, cli: Cli, priced_earlier: Path) -> None:
    answer = cli("prices", "check", "--data", priced_earlier, f"--tolerance={tolerance}")
    assert answer.code == 2
    assert "is not a percentage" in answer.complaint


def total(cli: Cli, data: Path, table: str = "costs") -> Decimal:
    answer = cli("sql", f"SELECT sum(cost_usd) AS usd FROM {table}", "--data", data, "--format", "json")
    return Decimal(json.loads(answer.out)[0]["usd"])


def checked(cli: Cli, data: Path, *options: str) -> list[dict[str, str]]:
    answer = cli("prices", "check", "--data", data, "--format", "json", *options)
    assert (answer.code, answer.err) == (0, "")
    rows: list[dict[str, str]] = json.loads(answer.out)
    return rows
