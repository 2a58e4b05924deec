"""The key directory answers exactly like reading everything, and spares the reading."""

from datetime import datetime
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lake.connect import Lake
from lake.directory import time_ranges
from lake.schema import TABLES
from tests.lake.rows import NOON, after, cost, frame, span, span_id, trace

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
