"""The page on dashboards shows what its commands print, and names every dashboard."""

import re
import shlex
from pathlib import Path

import pytest

from dashboards.grafana import DASHBOARDS
from marginlake.cli import run
from tests.docs.test_examples import ROOT, blocks

PAGE = ROOT / "docs" / "dashboards.md"


def test_the_page_shows_what_the_commands_print(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for shown in blocks(PAGE, "console"):
        command, printed = shown.split("\n", 1)
        assert run(shlex.split(command.removeprefix("$ marginlake"))) == 0
        assert capfd.readouterr().out == printed
        (folder,) = re.findall(r"--out (\S+)", command)
        assert [(tmp_path / folder / name).is_file() for name in printed.splitlines()].count(False) == 0


def test_the_page_names_every_dashboard() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [build().build().title for build in DASHBOARDS.values() if f"| {build().build().title} |" not in page] == []
