"""What docs/costs.md shows of stated costs is what the service takes and `marginlake sql` prints."""

import json
import re
import shlex
from pathlib import Path

import pytest

from billing.api.schemas.costs import CostsBody
from marginlake.cli import run
from tests.docs.test_examples import ROOT, blocks
from tests.marginlake.lakes import broken, land_batches, rest
from tests.new_lakes import empty_lake

PAGE = ROOT / "docs" / "costs.md"


def test_the_costs_of_the_example_are_costs() -> None:
    (body,) = re.findall(r"-d '(\{.*?\})'", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(CostsBody.model_validate(json.loads(body)).costs) == 2


def test_the_costs_inside_of_events_are_as_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.chdir(tmp_path)
    lake = tmp_path / "marginlake-data"
    empty_lake(lake)
    (body,) = (block for block in blocks(PAGE, "json") if '"signals"' in block)
    land_batches(lake, [[rest(body.encode())]])
    assert broken(lake) == {}

    (shown,) = blocks(PAGE, "console")
    command = shown.splitlines()[0].removeprefix("$ ")
    assert run(shlex.split(command)[1:]) == 0
    assert f"$ {command}\n" + capfdbinary.readouterr().out.decode() == shown
