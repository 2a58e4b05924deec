"""The page on rollup and relink shows what its commands print, one after another on one lake."""

import re
import shlex
from pathlib import Path

import pytest

from marginlake.cli import run
from tests.docs.test_examples import ROOT, blocks
from tests.docs.test_repricing import CALLS, call
from tests.marginlake.lakes import fill

PAGE = ROOT / "docs" / "rollup.md"


def test_the_page_shows_what_the_commands_print(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    fill(tmp_path, [[call(number, *said) for number, said in enumerate(CALLS, 1)]])
    run(["relink", "--data", str(tmp_path)])
    capfdbinary.readouterr()
    shown = "".join(blocks(PAGE, "console"))
    commands = re.findall(r"^\$ (.+)$", shown, re.MULTILINE)
    assert len(commands) == 4
    printed = ""
    for command in commands:
        words = shlex.split(command)
        assert words[0] == "marginlake"
        assert run([*words[1:], "--data", str(tmp_path)]) == 0
        printed += f"$ {command}\n" + capfdbinary.readouterr().out.decode()
    assert printed == shown
