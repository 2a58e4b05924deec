"""`marginlake alerts check | list`, and what is said of settings that are wrong."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from lake.connect import Lake
from tests.lake.rows import cost, frame
from tests.marginlake.conftest import Answer
from tests.marginlake.receiving import SECRET, Receiver
from tests.new_lakes import empty_lake

RULE = '[[alert]]\nname = "any cost"\nkind = "daily_cost_above"\nabove = 0\neach = "customer"\n'
Cli = Callable[..., Answer]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A lake in which acme spent a dollar just now."""
    empty_lake(tmp_path)
    (tmp_path / "marginlake.toml").write_text(RULE)
    with Lake.open(tmp_path, threads=1) as lake, lake.transaction() as tx:
        tx.append("costs", frame("costs", [cost(1, "1", at=datetime.now(UTC), customer_id="acme")]))
    return tmp_path


def test_a_dry_run_shows_and_records_nothing(cli: Cli, data_dir: Path) -> None:
    answer = cli("alerts", "check", "--dry-run", "--data", data_dir, "--format", "json")
    assert (answer.code, answer.err) == (0, "dry run: nothing was recorded\n")
    (row,) = json.loads(answer.out)
    assert (row["status"], row["rule"], row["customer_id"], row["value"]) == ("firing", "any cost", "acme", "1")
    assert "(0 rows)" in cli("alerts", "list", "--data", data_dir).out


def test_a_check_records_once_and_list_shows_it(cli: Cli, data_dir: Path) -> None:
    first = cli("alerts", "check", "--data", data_dir)
    assert (first.code, first.err) == (0, "recorded: 1 new, 0 resolved; no webhook is set\n")
    assert cli("alerts", "check", "--data", data_dir).err == "recorded: 0 new, 0 resolved; no webhook is set\n"
    listed = json.loads(cli("alerts", "list", "--state", "firing", "--format", "json", "--data", data_dir).out)
    assert [(row["customer_id"], Decimal(row["value"]), row["delivered_at"]) for row in listed] == [("acme", 1, None)]
    assert json.loads(cli("alerts", "list", "--state", "resolved", "--format", "json", "--data", data_dir).out) == []


def test_a_check_delivers_and_shows_no_secret(cli: Cli, data_dir: Path) -> None:
    with Receiver() as receiver:
        webhook = f'[alerts]\nwebhook = "{receiver.url}"\nsecret = "{SECRET}"\n'
        (data_dir / "marginlake.toml").write_text(RULE + webhook)
        answer = cli("alerts", "check", "--data", data_dir)
        assert answer.err == "recorded: 1 new, 0 resolved; webhook: 1 delivered, 0 not\n"
        assert [message["type"] for message in receiver.messages] == ["alert.firing"]
        assert SECRET not in answer.out + answer.err


def test_the_secret_may_come_from_the_environment(cli: Cli, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver() as receiver:
        monkeypatch.setenv("MARGINLAKE_ALERTS__WEBHOOK", receiver.url)
        monkeypatch.setenv("MARGINLAKE_ALERTS__SECRET", SECRET)
        assert cli("alerts", "check", "--data", data_dir).err.endswith("webhook: 1 delivered, 0 not\n")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('[[alert]]\nname = "a"\nkind = "b"\n', "alert entry 1 (a): kind: 'b' is not one of margin_below"),
        ('[alerts]\nwebhook = "https://example.com"\n', "alerts.secret: missing, messages to alerts.webhook"),
        (f'[alerts]\nwebhook = "ftp://x"\nsecret = "{SECRET}"\n', "alerts.webhook: must be an http"),
        ('[alerts]\nwebhook = "https://x"\nsecret = "hush"\n', "alerts.secret: must be whsec_ and the base64"),
        (
            f'[alerts]\nwebhook = "https://x"\nsecret = "{SECRET}"\nprevious_secret = "hush"\n',
            "alerts.previous_secret: must be whsec_",
        ),
    ],
)
def test_settings_that_are_wrong_are_told_in_one_line(cli: Cli, data_dir: Path, said: str, told: str) -> None:
    (data_dir / "marginlake.toml").write_text(said)
    answer = cli("alerts", "check", "--data", data_dir)
    assert answer.code == 1
    assert answer.complaint.startswith(told)
    assert "hush" not in answer.err


def test_usage(cli: Cli, data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert cli("alerts", "check", "--at", "2026-11-01", "--data", data_dir).code == 2
    assert cli("alerts", "check", "--dry-run", "--at", "soon", "--data", data_dir).code == 2
    nowhere = cli("alerts", "check", "--data", tmp_path_factory.mktemp("none"))
    assert nowhere.code == 1
    assert nowhere.complaint.startswith("no lake at ")
