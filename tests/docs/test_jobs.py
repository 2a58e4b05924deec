"""The page on jobs shows what its commands print, one after another on one lake."""

import gzip
import re
import shlex
import shutil
from pathlib import Path

import pytest

from marginlake.cli import run
from marginlake.sources import ARCHIVE
from tests.docs.test_examples import ROOT, blocks
from tests.docs.test_repricing import CALLS, REVENUE, call
from tests.marginlake.archives import archive
from tests.marginlake.lakes import as_toml

PAGE = ROOT / "docs" / "jobs.md"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with three files of exports, a data directory with the archive of the same, and one with only that."""
    records = [call(number, *said) for number, said in enumerate(CALLS, 1)]
    exports = tmp_path / "exports"
    (exports / "globex").mkdir(parents=True)
    (exports / "acme.pb").write_bytes(records[0].payload)
    (exports / "acme-2.pb").write_bytes(records[1].payload)
    (exports / "globex" / "late.pb.gz").write_bytes(gzip.compress(records[2].payload))
    data = tmp_path / "marginlake-data"
    archive(data, records)
    (data / "marginlake.toml").write_text(as_toml(REVENUE, ()))
    shutil.copytree(data / ARCHIVE, tmp_path / "restored" / ARCHIVE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_page_shows_what_the_commands_print(folder: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    shown = "".join(blocks(PAGE, "console"))
    printed = ""
    for command in re.findall(r"^\$ (.+)$", shown, re.MULTILINE):
        assert run(shlex.split(command)[1:]) == 0
        printed += f"$ {command}\n" + capfdbinary.readouterr().out.decode()
    assert printed == shown
