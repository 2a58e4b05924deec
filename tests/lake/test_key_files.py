"""Files of the key directory are used when they hold what this lake holds, and never otherwise."""

import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from lake import known, windows
from lake.commit import Transaction
from lake.connect import KEYS_DIRECTORY, Lake
from lake.known import Known
from lake.maintain import Policy, maintain
from tests.lake.rows import after, frame, span, trace

BATCHES = 6
PER_BATCH = 5


@pytest.fixture(autouse=True)
def short_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of ten entries are long."""
    for module in (known, windows):
        monkeypatch.setattr(module, "RUN_ENTRIES", 10)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Entries of every piece that was read from the lake."""
    entries: list[int] = []
    original = known._entries

    def counted(connection: object, part: object) -> pl.DataFrame:
        found = original(connection, part)  # type: ignore[arg-type]
        entries.append(found.height)
        return found

    monkeypatch.setattr(known, "_entries", counted)
    return entries


def land(lake: Lake, *batches: int, hours: int = 0) -> None:
    """Batches of five traces each, every one a span at the batch's hour."""
    for batch in batches:
        numbers = range(batch * PER_BATCH, (batch + 1) * PER_BATCH)
        spans = [
            span(number, trace_number=number, at=after(hours=batch + hours)) for number in numbers
        ]  # fmt: skip
        lake.run(lambda tx, spans=spans: tx.append("spans", frame("spans", spans)))  # type: ignore[misc]


def files(data_dir: Path) -> list[Path]:
    return sorted((data_dir / KEYS_DIRECTORY).glob("*"))


def all_found(lake: Lake, batches: int = BATCHES) -> bool:
    """Whether each span is found by its trace, and nothing by a trace that there is not."""
    numbers = range(batches * PER_BATCH)
    wanted = pl.DataFrame({"trace_id": [trace(number) for number in (*numbers, 999)]})

    def work(tx: Transaction) -> int:
        return tx.semi("spans", ["trace_id"], wanted, "trace_id").height

    return lake.run(work) == len(numbers)


@pytest.fixture
def filled(data_dir: Path) -> Path:
    """A lake whose first five batches rest in two files, as it is left by a process that wrote it."""
    with Lake.open(data_dir, threads=1) as lake:
        land(lake, *range(BATCHES))
    assert [file.name[:4] for file in files(data_dir)] == ["1-2-", "3-4-", "5-6-"]
    return data_dir


def test_the_next_process_reads_only_what_came_after(filled: Path, read: list[int]) -> None:
    with Lake.open(filled, threads=1) as lake:
        land(lake, BATCHES)
    with Lake.open(filled, threads=1) as lake:
        lake.remember_keys()
        assert sum(read) == PER_BATCH
        assert all_found(lake, BATCHES + 1)


def test_files_made_from_the_lake_serve_as_well(filled: Path, read: list[int]) -> None:
    shutil.rmtree(filled / KEYS_DIRECTORY)
    for expected in (BATCHES * PER_BATCH, 0):
        read.clear()
        with Lake.open(filled, threads=1) as lake:
            assert all_found(lake)
        assert sum(read) == expected


def test_merged_files_serve_as_well(filled: Path, read: list[int]) -> None:
    with Lake.open(filled, threads=1) as lake:
        lake.remember_keys()
        assert lake.tidy_keys() == 2
        assert all_found(lake)
    (file,) = files(filled)
    with Lake.open(filled, threads=1) as lake:
        assert all_found(lake)
    assert not read
    assert files(filled) == [file]


def test_files_still_fit_after_maintenance(filled: Path, read: list[int]) -> None:
    with Lake.open(filled, threads=1) as lake:
        assert maintain(lake, Policy(merge_from=2)).files_merged
    with Lake.open(filled, threads=1) as lake:
        assert all_found(lake)
    assert not read


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(file.read_bytes()[:-1]),
        lambda file: file.write_bytes(file.read_bytes()[:4100] + b"\x55" + file.read_bytes()[4101:]),
        lambda file: file.write_bytes(file.read_bytes()[:-1] + b"\x55"),
        lambda file: file.write_bytes(file.read_bytes().replace(b'"first_batch": 1', b'"first_batch": 0')),
        lambda file: file.write_bytes(file.read_bytes().replace(b"marginlake keys 1", b"marginlake keys 9")),
        lambda file: file.write_bytes(b"\xff" * 5000),
        lambda file: file.unlink(),
    ],
    ids=["empty", "cut", "changed key", "changed time", "changed header", "other format", "noise", "deleted"],
)
def test_a_file_that_is_not_whole_is_made_anew(filled: Path, read: list[int], damage: Callable[[Path], None]) -> None:
    damage(files(filled)[0])
    with Lake.open(filled, threads=1) as lake:
        assert all_found(lake)
    assert sum(read) == BATCHES * PER_BATCH
    assert [file.name[:4] for file in files(filled)] == ["1-2-", "3-4-", "5-6-"]


def test_a_lake_that_was_restored_does_not_believe_newer_files(filled: Path, read: list[int], tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    with Lake.open(backup, threads=1) as lake:
        land(lake, 0, 1, 2)
    shutil.rmtree(backup / KEYS_DIRECTORY)
    shutil.copytree(filled / KEYS_DIRECTORY, backup / KEYS_DIRECTORY)
    with Lake.open(backup, threads=1) as lake:
        assert all_found(lake, 3)
        # the first file is true of both, and what came later is none of ours
        assert sum(read) == PER_BATCH
        land(lake, 3)
        assert all_found(lake, 4)


def test_a_lake_of_the_same_keys_at_other_times_does_not_believe_them(
    filled: Path, read: list[int], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    with Lake.open(other, threads=1) as lake:
        land(lake, *range(BATCHES), hours=5000)
    shutil.rmtree(other / KEYS_DIRECTORY)
    shutil.copytree(filled / KEYS_DIRECTORY, other / KEYS_DIRECTORY)
    with Lake.open(other, threads=1) as lake:
        assert all_found(lake)
    assert sum(read) == BATCHES * PER_BATCH


def test_unfinished_and_strange_files_do_no_harm(filled: Path) -> None:
    left, note = filled / KEYS_DIRECTORY / "1-2-aa.part", filled / KEYS_DIRECTORY / "note.txt"
    for path in (left, note):
        path.write_text("x")
    with Lake.open(filled, threads=1) as lake:
        assert all_found(lake)
    assert not left.exists()
    assert note.exists()


def test_two_processes_may_keep_files_of_one_lake(filled: Path, read: list[int]) -> None:
    with Lake.open(filled, threads=1) as one, Lake.open(filled, threads=1) as other:
        one.remember_keys()
        other.remember_keys()
        land(one, BATCHES, BATCHES + 1)
        land(other, BATCHES + 2, BATCHES + 3)
        land(one, BATCHES + 4)
        for lake in (one, other, one):
            lake.tidy_keys()
            assert all_found(lake, BATCHES + 5)
    read.clear()
    with Lake.open(filled, threads=1) as lake:
        assert all_found(lake, BATCHES + 5)
    assert sum(read) <= 2 * PER_BATCH


def test_what_failed_half_way_goes_on_where_it_was(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(filled / KEYS_DIRECTORY)
    original, calls = known._entries, []

    def failing(connection: object, part: object) -> pl.DataFrame:
        calls.append(part)
        if len(calls) == 2:
            raise RuntimeError
        return original(connection, part)  # type: ignore[arg-type]

    monkeypatch.setattr(known, "_entries", failing)
    with Lake.open(filled, threads=1) as lake:
        with pytest.raises(RuntimeError):
            lake.remember_keys()
        assert all_found(lake)
        assert len(files(filled)) == 3
    assert len(calls) == 4


def test_an_unreadable_folder_is_an_empty_one(filled: Path) -> None:
    shutil.rmtree(filled / KEYS_DIRECTORY)
    (filled / KEYS_DIRECTORY).write_text("a file")
    with Lake.open(filled, threads=1) as lake:
        assert isinstance(lake._known, Known)
        assert all_found(lake)
