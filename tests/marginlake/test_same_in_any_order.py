"""The same data in any order, in any batches, twice, by several processes at once: the same tables, byte for byte."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from lake.connect import Lake
from marginlake.landing import land
from marginlake.pipeline import merge, prepare_or_reject
from receiver.journal import Journal
from receiver.journal.record import Kind, Record
from tests.marginlake.captured_lakes import captured_lake
from tests.marginlake.lakes import (
    Tables,
    as_toml,
    broken,
    captured,
    differences,
    in_batches,
    land_batches,
    rules,
    span_by_span,
    tables,
    tables_of,
)  # fmt: skip


@pytest.fixture(scope="module")
def at_once(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """Everything that was captured, landed in one commit."""
    data_dir = tmp_path_factory.mktemp("at-once")
    landed = captured_lake(data_dir)
    assert broken(data_dir) == {}
    return landed


def test_the_captures_hold_what_the_other_tests_are_about(at_once: Tables) -> None:
    costs, links, margins = at_once["costs"], at_once["cost_links"], at_once["event_margins"]
    assert costs.height > 150
    assert {"priced", "unpriced", "aggregate", "zero_rated"} <= set(costs["status"])
    assert costs["cost_usd"].drop_nulls().sum() > 0
    assert links.height > 0
    assert margins["revenue_usd"].drop_nulls().len() > 0
    assert {"complete", "untraced"} <= set(margins["cost_status"])


def test_twice_is_once(tmp_path: Path, at_once: Tables) -> None:
    assert differences(land_batches(tmp_path, [captured(), captured()]), at_once) == []


def test_shuffled_span_by_span_and_cut_into_random_batches(tmp_path: Path, at_once: Tables) -> None:
    chance = random.Random(1)
    alone = [single for record in captured() for single in span_by_span(record)]
    again = alone + chance.sample(alone, len(alone) // 3)
    chance.shuffle(again)
    assert differences(land_batches(tmp_path, in_batches(again, 8, chance)), at_once) == []
    assert broken(tmp_path) == {}


def test_a_retry_within_one_commit_counts_once(tmp_path: Path, at_once: Tables) -> None:
    """The service prepares what arrives piece by piece, and commits several pieces together."""
    unreadable = Record(1, Kind.TRACES, 1, b"\xff\xff")
    first, retry = (prepare_or_reject([*captured(), unreadable], (), rules()) for _ in range(2))
    with Lake.open(tmp_path, threads=1) as lake:
        land(lake, merge([first, retry]), rules(), "test", 1)
        landed = tables(lake)
    assert landed.pop("rejected").height == 1
    assert differences(landed, at_once) == []


def test_imported_by_four_processes_at_once(tmp_path: Path, at_once: Tables) -> None:
    """They make the lake together, share files, and each has spans of traces that the others have too."""
    chance = random.Random(4)
    alone = [single for record in captured() for single in span_by_span(record)]
    chance.shuffle(alone)
    files = _files(tmp_path / "sent", in_batches(alone, 9, chance))
    config = tmp_path / "revenue.toml"
    config.write_text(as_toml())
    command = [sys.executable, "-m", "marginlake", "import", "--data", str(tmp_path / "lake"), "--config", str(config)]
    shares = [files[number::4] + files[:1] for number in range(4)]
    running = [
        subprocess.Popen([*command, *map(str, share)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for share in shares
    ]
    for process in running:
        said = process.communicate(timeout=100)[0]
        assert process.returncode == 0, said
    assert differences(tables_of(tmp_path / "lake"), at_once) == []
    assert broken(tmp_path / "lake") == {}


def _files(folder: Path, batches: list[list[Record]]) -> list[Path]:
    """A file for each batch: its requests one after another; and a journal segment with all REST signals."""
    folder.mkdir()
    files = []
    for number, batch in enumerate(batches):
        files.append(folder / f"{number}.pb")
        files[-1].write_bytes(b"".join(record.payload for record in batch if record.kind is Kind.TRACES))
    journal = Journal(folder / "journal", segment_bytes=1 << 20, start_at=1)
    for batch in batches:
        for record in batch:
            if record.kind is Kind.SIGNALS:
                journal.append(Kind.SIGNALS, record.payload).result(10)
    journal.close()
    return files + sorted((folder / "journal").glob("*.mlj"))
