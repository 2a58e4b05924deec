"""Landing through Parquet files of our own gives the tables that landing through INSERT gives, in any batches."""

import random
from pathlib import Path

import pytest

from lake import bulk
from tests.marginlake.lakes import Tables, broken, captured, differences, in_batches, land_batches, span_by_span


@pytest.fixture(scope="module")
def inserted(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    return land_batches(tmp_path_factory.mktemp("inserted"), [captured()])


@pytest.mark.parametrize("seed", range(3))
def test_the_same_tables_in_any_order(
    seed: int, inserted: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MIN_ROWS", 1)
    chance = random.Random(seed)
    records = [part for record in captured() for part in span_by_span(record)]
    chance.shuffle(records)
    given = [batch for batch in in_batches(records, 4, chance) for _ in range(2)]
    assert differences(inserted, land_batches(tmp_path, given)) == []
    assert broken(tmp_path) == {}
