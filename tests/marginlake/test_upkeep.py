"""What the service's upkeep thread does by itself."""

import time
from pathlib import Path

import pytest

from lake.connect import Lake
from marginlake import upkeep
from marginlake.config import Config
from marginlake.rules import rules_from
from tests.analytics.stories import Story
from tests.marginlake.lakes import fill
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
