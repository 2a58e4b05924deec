"""The key directory answers exactly like reading everything, and spares the reading."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lake.connect import Lake
from lake.directory import KeyHashes, time_ranges
from lake.directory import entries as entries_of
from lake.frames import conform
from lake.schema import TABLES
from tests.lake.rows import NOON, after, cost, frame, span, span_id, trace

TRACE = TABLES["costs"].lookups[0]
DIRECTORY = TABLES["key_directory"].polars_schema


def entries(*windows: tuple[datetime | None, datetime | None]) -> pl.DataFrame:
    rows = [(1, number, first, last) for number, (first, last) in enumerate(windows)]
    return pl.DataFrame(rows, schema=DIRECTORY, orient="row")


def test_no_entries_means_nowhere() -> None:
    assert time_ranges(entries()) == []


def test_an_entry_without_time_means_anywhere() -> None:
    assert time_ranges(entries((NOON, NOON), (None, None))) is None


def test_near_windows_are_joined_and_far_ones_kept_apart() -> None:
    near = [(NOON, after(minutes=5)), (after(minutes=50), after(minutes=51)), (after(minutes=1), after(hours=1))]
    far = (after(days=300), after(days=300))
    assert time_ranges(entries(far, *near)) == [(NOON, after(hours=1)), far]


def test_a_long_window_covers_what_begins_within_it() -> None:
    assert time_ranges(entries((NOON, after(days=9)), (after(days=1), after(days=1)))) == [(NOON, after(days=9))]


def test_very_many_windows_become_one() -> None:
    scattered = [(after(days=day), after(days=day)) for day in range(50)]
    assert time_ranges(entries(*scattered)) == [(NOON, after(days=49))]


MOMENTS = st.integers(-(10**9), 10**9).map(lambda seconds: after(seconds=seconds))


@given(st.lists(st.tuples(MOMENTS, MOMENTS).map(lambda pair: (min(pair), max(pair))), max_size=30))
def test_ranges_cover_every_window_and_do_not_overlap(windows: list[tuple[datetime, datetime]]) -> None:
    ranges = time_ranges(entries(*windows))
    assert ranges is not None
    assert len(ranges) <= 8
    for first, last in windows:
        assert any(begin <= first and last <= end for begin, end in ranges)
    assert all(earlier[1] < later[0] for earlier, later in pairwise(ranges))


MOMENT = st.sampled_from([NOON, after(seconds=1), after(hours=5), after(days=-9000), after(days=20)])
ROW = st.tuples(st.integers(1, 6), st.integers(1, 6), MOMENT)


@settings(max_examples=10, deadline=None)
@given(
    batches=st.lists(st.lists(ROW, min_size=1, max_size=4), min_size=1, max_size=4),
    asked=st.lists(st.integers(1, 7).map(trace), min_size=1, max_size=4),
)
def test_looking_up_finds_what_reading_everything_finds(
    batches: list[list[tuple[int, int, datetime]]], asked: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with Lake.open(tmp_path_factory.mktemp("lookup"), threads=1) as lake:
        for batch in batches:
            costs = [
                cost(number, "1", trace_number=own, at=at, link_trace_id=trace(other))
                for number, (own, other, at) in enumerate(batch)
            ]
            with lake.transaction() as tx:
                tx.append("costs", frame("costs", costs))
        for column in ("trace_id", "link_trace_id"):
            keys = pl.DataFrame({column: asked})
            with lake.reading() as tx:
                found = tx.semi("costs", ["cost_id", "occurred_at"], keys, column)
            everything = lake.read(
                f"SELECT cost_id, occurred_at FROM costs SEMI JOIN asked USING ({column})", asked=keys
            )
            assert sorted(found.rows()) == sorted(everything.rows())


FILED = st.tuples(st.integers(1, 3), st.integers(1, 3), st.none() | st.integers(1, 3), MOMENT, st.integers(1, 9))


@given(st.lists(FILED, max_size=8))
def test_every_key_of_every_row_is_filed_with_all_its_times(
    runs: list[tuple[int, int, int | None, datetime, int]],
) -> None:
    rows = [
        cost(own, "1", trace_number=of_id, at=at + timedelta(seconds=n), link_trace_id=other and trace(other))
        | {"trace_id": trace(own)}
        for own, of_id, other, at, length in runs
        for n in range(length)
    ]
    expected: dict[str, tuple[datetime, datetime]] = {}
    for row in rows:
        for text in {row["trace_id"], row["link_trace_id"], row["cost_id"].split("_")[1]} - {None}:
            first, last = expected.get(text, (row["occurred_at"],) * 2)
            expected[text] = (min(first, row["occurred_at"]), max(last, row["occurred_at"]))
    with duckdb.connect() as connection:
        hashes = KeyHashes(connection)
        filed = entries_of(hashes, TABLES["costs"], conform(frame("costs", rows), TABLES["costs"]))
        keys = pl.DataFrame({"trace_id": [trace(number) for number in range(1, 5)]})
        by_text = {text: hashes.distinct(TRACE, keys.filter(trace_id=text)).item() for text in keys["trace_id"]}
    windows = {key: (first, last) for key, first, last in filed.iter_rows()}
    assert windows == {by_text[text]: window for text, window in expected.items()}


def test_a_key_with_a_row_without_time_is_filed_without() -> None:
    rows = pl.DataFrame({"signal_id": ["a", "a", "a", "b"]}).with_columns(moment=pl.lit(NOON))
    untimed = rows.with_columns(moment=pl.when(pl.int_range(4) != 1).then("moment"))
    table = replace(TABLES["event_margins"], time_column="moment")
    with duckdb.connect() as connection:
        filed = entries_of(KeyHashes(connection), table, untimed)
    assert sorted(filed["first_time"].to_list(), key=str) == [NOON, None]


def test_unknown_keys_need_no_reading_at_all(lake: Lake, data_dir: Path) -> None:
    lake.run(lambda tx: tx.append("spans", frame("spans", [span(1)])))
    for file in data_dir.glob("data/main/spans/*.parquet"):
        file.unlink()
    with lake.reading() as tx:
        assert tx.semi("spans", ["span_id"], pl.DataFrame({"trace_id": [trace(99)]}), "trace_id").is_empty()


def test_files_of_another_time_are_not_read(lake: Lake, data_dir: Path) -> None:
    lake.run(lambda tx: tx.append("spans", frame("spans", [span(1, trace_number=1)])))
    old = set(data_dir.glob("data/main/spans/*.parquet"))
    lake.run(lambda tx: tx.append("spans", frame("spans", [span(2, trace_number=2, at=after(days=1))])))
    for file in old:
        file.unlink()
    with lake.reading() as tx:
        assert tx.semi("spans", ["span_id"], pl.DataFrame({"trace_id": [trace(2)]}), "trace_id").height == 1


def test_a_key_that_is_filed_already_is_not_filed_again(tmp_path: Path) -> None:
    """The call's row and the link's have one trace and one time: the link files only its event."""
    link = {"cost_id": f"cost_{trace(1)}_{span_id(1)}", "signal_id": "sig", "rule": "trace", "trace_id": trace(1)}
    with Lake.open(tmp_path, threads=1) as lake, lake.transaction() as tx:
        tx.append("event_margins", frame("event_margins", []), filed=["signal"])
        assert not tx.files_keys
        tx.append("cost_links", frame("cost_links", [{**link, "occurred_at": NOON}]), filed=["trace"])
        assert tx.files_keys
    with Lake.open(tmp_path, threads=1) as lake:
        filed = lake.read("SELECT key_hash FROM key_directory").to_series().to_list()
        assert filed == [lake.read("SELECT md5_number_lower('signal:sig')").item()]
