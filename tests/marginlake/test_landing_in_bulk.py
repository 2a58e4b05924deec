"""Landing through Parquet files of our own gives the tables that landing through INSERT gives, in any batches."""

import random
from pathlib import Path

import polars as pl
import pytest

from lake import bulk
from lake.commit import Transaction
from lake.connect import Lake
from lake.definitions import Table
from marginlake.landing import land
from marginlake.pipeline import prepare_or_reject
from tests.marginlake.lakes import Tables, broken, captured, differences, in_batches, land_batches, rules, span_by_span
from tests.new_lakes import empty_lake


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


def test_what_is_connected_with_nothing_stored_is_landed_without_reading_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    fetch = Transaction._fetch

    def noted(self: Transaction, table: Table | None, sql: str, **frames: pl.DataFrame) -> pl.DataFrame:
        read.append(table.name if table else sql)
        return fetch(self, table, sql, **frames)

    monkeypatch.setattr(Transaction, "_fetch", noted)
    empty_lake(tmp_path)
    (record, *_), answers = captured(), {"spans", "signals", "costs", "cost_links", "event_margins", "event_values"}
    with Lake.open(tmp_path, threads=1) as lake:
        land(lake, prepare_or_reject([record], (), rules()), rules(), "test", 1)
        assert answers.isdisjoint(read), read
        land(lake, prepare_or_reject([record], (), rules()), rules(), "test", 2)
        assert "spans" in read, "a second time there is something to compare with"
