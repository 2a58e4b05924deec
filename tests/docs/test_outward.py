"""The pages on what-ifs, exports and reconciling show what their commands print, one after another on one lake."""

import re
import shlex
from pathlib import Path

import pytest

from lake.connect import Lake
from marginlake.cli import run
from marginlake.config import Config
from marginlake.revenue_store import adopt_rules
from marginlake.rules import rules_from
from tests.docs.test_examples import ROOT, blocks
from tests.docs.test_repricing import CALLS, REVENUE, call
from tests.marginlake.lakes import fill

INVOICE = "Date,Model,Amount\n2026-11-23,claude-sonnet-4-5,0.03\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with the files that the pages name, and the lake in it."""
    rules = rules_from(Config(revenue=REVENUE), None)
    fill(tmp_path / "lake", [[call(number, *said) for number, said in enumerate(CALLS, 1)]], rules)
    with Lake.open(tmp_path / "lake") as lake:
        adopt_rules(lake, rules.events)
    (tmp_path / "plans.toml").write_text("".join(blocks(ROOT / "docs" / "whatif.md", "toml")))
    (tmp_path / "costs.json").write_text("".join(blocks(ROOT / "docs" / "reconcile.md", "json")))
    (tmp_path / "invoice.csv").write_text(INVOICE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", ["whatif", "export", "reconcile"])
def test_the_page_shows_what_the_commands_print(
    page: str, here: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    shown = "".join(blocks(ROOT / "docs" / f"{page}.md", "console"))
    assert printed(shown, capfdbinary) == sizeless(shown)


def printed(shown: str, capfdbinary: pytest.CaptureFixture[bytes]) -> str:
    """The commands of a page with what they print now."""
    commands = re.findall(r"^\$ (.+)$", shown, re.MULTILINE)
    assert len(commands) >= 2
    text = ""
    for command in commands:
        words = shlex.split(command)
        assert words[0] == "marginlake"
        assert run([*words[1:], "--data", "lake"]) == 0
        text += f"$ {command}\n" + capfdbinary.readouterr().out.decode()
    return sizeless(text)


def sizeless(text: str) -> str:
    """The size of a DuckDB file, and the number of rates, are nothing to promise."""
    return re.sub(r"\d+ bytes", "N bytes", re.sub(r"rates: \d+ rows", "rates: N rows", text))
