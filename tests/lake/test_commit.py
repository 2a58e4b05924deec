"""Transactions: typed appends, replacements that write only what changed, rows and progress together or not at all."""

from pathlib import Path

import duckdb
import polars as pl
import pytest

from lake.commit import Transaction
from lake.connect import Lake
from lake.errors import LakeError, LakeLockedError, SchemaMismatchError
from lake.schema import TABLES
from tests.lake.rows import after, cost, frame, margin, span, span_id, trace


def test_rows_come_back_with_every_type_as_it_was(lake: Lake) -> None:
    sent = frame("costs", [cost(1, "0.000000000001"), cost(2, "999999.999999999999"), cost(3, None)])
    lake.run(lambda tx: tx.append("costs", sent))
    received = lake.read(f"SELECT {', '.join(sent.columns)} FROM costs ORDER BY cost_id")
    assert received.equals(sent)
    assert received.schema == sent.schema


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (lambda f: f.with_columns(colour=pl.lit("red")), "unknown column colour"),
        (lambda f: f.with_columns(pl.col("cost_usd").cast(pl.Float64)), r"column cost_usd is Float64, not Decimal"),
        (lambda f: f.with_columns(pl.col("occurred_at").dt.replace_time_zone(None)), "column occurred_at is Datetime"),
        (lambda f: f.drop("status"), "column status is missing"),
        (lambda f: f.with_columns(status=pl.lit(None, pl.String)), "column status has a NULL"),
    ],
)
def test_a_frame_that_does_not_fit_is_refused_and_nothing_is_written(lake: Lake, broken: object, problem: str) -> None:
    assert callable(broken)
    with pytest.raises(SchemaMismatchError, match=problem):
        lake.run(lambda tx: tx.append("costs", broken(frame("costs", [cost(1, "1")]))))
    assert lake.read("SELECT count(*) FROM costs").item() == 0


def test_columns_may_come_in_any_order_and_optional_ones_not_at_all(lake: Lake) -> None:
    rows = frame("costs", [cost(1, "1.5")]).select("status", "source", "occurred_at", "cost_id", "cost_usd")
    lake.run(lambda tx: tx.append("costs", rows.with_columns(model=pl.lit(None))))
    assert lake.read("SELECT status, model, cost_usd::VARCHAR FROM costs").row(0) == ("priced", None, "1.500000000000")


def test_an_unknown_table_is_named(lake: Lake) -> None:
    with pytest.raises(LakeError, match="no table spams"):
        lake.run(lambda tx: tx.append("spams", pl.DataFrame()))


def test_rows_and_progress_become_visible_together(lake: Lake) -> None:
    with lake.transaction() as tx:
        tx.append("spans", frame("spans", [span(1)]))
        tx.set_progress("journal", 7)
        assert tx.read("SELECT count(*) FROM spans").item() == 1
        assert tx.progress("journal") == 7
        assert lake.read("SELECT count(*) FROM spans").item() == 0
        assert lake.progress("journal") is None
    assert lake.read("SELECT count(*) FROM spans").item() == 1
    assert lake.progress("journal") == 7


def test_a_transaction_that_fails_leaves_nothing(lake: Lake) -> None:
    def half(tx: Transaction) -> None:
        tx.append("spans", frame("spans", [span(1)]))
        tx.set_progress("journal", 7)
        raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        lake.run(half)
    assert lake.read("SELECT count(*) FROM spans").item() == 0
    assert lake.progress("journal") is None
    assert lake.read("SELECT count(*) FROM key_directory").item() == 0


def test_progress_moves_on_and_back_and_each_source_has_its_own(lake: Lake) -> None:
    for position in (3, 10, 10):
        lake.run(lambda tx, to=position: tx.set_progress("journal", to))  # type: ignore[misc]
    lake.run(lambda tx: tx.set_progress("import:abc", 1))
    assert lake.progress("journal") == 10
    lake.run(lambda tx: tx.set_progress("journal", 4))
    assert lake.read("SELECT source, position FROM ingest_progress ORDER BY source").rows() == [
        ("import:abc", 1),
        ("journal", 4),
    ]


def test_progress_can_be_forgotten(lake: Lake) -> None:
    """As if the source had never been taken in, for this process and for others."""
    lake.run(lambda tx: tx.set_progress("journal", 4))
    lake.run(lambda tx: tx.set_progress("import:abc", 9))
    lake.run(lambda tx: tx.forget_progress("import:abc"))
    lake.run(lambda tx: tx.forget_progress("never"))
    assert lake.run(lambda tx: (tx.progress("import:abc"), tx.progress("journal"))) == (None, 4)
    assert lake.read("SELECT source FROM ingest_log")["source"].to_list() == ["journal"]
    lake.run(lambda tx: tx.set_progress("import:abc", 1))
    assert lake.progress("import:abc") == 1


def test_replace_changes_what_differs_and_nothing_else(lake: Lake) -> None:
    first = frame("event_margins", [margin("a", revenue="1"), margin("b", revenue="2"), margin("c", revenue="3")])
    keys = first.select("signal_id")
    assert lake.run(lambda tx: tx.replace("event_margins", keys, first)) == (0, 3)
    assert lake.run(lambda tx: tx.replace("event_margins", keys, first)) == (0, 0)
    second = frame("event_margins", [margin("a", revenue="1"), margin("b", revenue="5")])
    assert lake.run(lambda tx: tx.replace("event_margins", keys, second)) == (2, 1)
    assert lake.read("SELECT signal_id, revenue_usd::INT FROM event_margins ORDER BY ALL").rows() == [
        ("a", 1),
        ("b", 5),
    ]


def test_replace_takes_bookkeeping_for_no_difference(lake: Lake, data_dir: Path) -> None:
    first = frame("event_margins", [margin("a", updated_at=after(hours=1))])
    later = frame("event_margins", [margin("a", updated_at=after(hours=2))])
    keys = first.select("signal_id")
    lake.run(lambda tx: tx.replace("event_margins", keys, first))
    files = set(data_dir.glob("data/main/event_margins/*"))
    assert lake.run(lambda tx: tx.replace("event_margins", keys, later)) == (0, 0)
    assert lake.read("SELECT updated_at FROM event_margins").item() == after(hours=1)
    assert set(data_dir.glob("data/main/event_margins/*")) == files


def test_replace_leaves_other_keys_alone_even_when_their_time_is_the_same(lake: Lake) -> None:
    rows = frame("costs", [cost(1, "1"), cost(2, "2", trace_number=2)])
    lake.run(lambda tx: tx.append("costs", rows))
    gone = lake.run(lambda tx: tx.replace("costs", pl.DataFrame({"trace_id": [trace(1)]}), rows.clear()))
    assert gone == (1, 0)
    assert lake.read("SELECT trace_id FROM costs")["trace_id"].to_list() == [trace(2)]


def test_a_row_can_be_replaced_in_the_transaction_that_wrote_it(lake: Lake) -> None:
    with lake.transaction() as tx:
        tx.append("costs", frame("costs", [cost(1, "1"), cost(2, "2")]))
        tx.replace("costs", pl.DataFrame({"trace_id": [trace(1)]}), frame("costs", [cost(1, "3"), cost(2, "2")]))
    assert lake.read("SELECT sum(cost_usd)::VARCHAR, count(*) FROM costs").row(0) == ("5.000000000000", 2)


def test_semi_finds_rows_by_one_or_several_columns(lake: Lake) -> None:
    spans = [span(number, trace_number=number % 3, at=after(minutes=number)) for number in range(30)]
    lake.run(lambda tx: tx.append("spans", frame("spans", spans)))
    with lake.reading() as tx:
        by_trace = tx.semi("spans", ["span_id"], pl.DataFrame({"trace_id": [trace(1), trace(9)]}), "trace_id")
        assert by_trace.height == 10
        pairs = pl.DataFrame({"trace_id": [trace(1), trace(1)], "span_id": [span_id(4), span_id(5)]})
        by_pair = tx.semi("spans", ["trace_id", "span_id"], pairs, ["trace_id", "span_id"])
        assert by_pair.rows() == [(trace(1), span_id(4))]
        late = tx.semi(
            "spans", ["span_id"], pairs.select("trace_id"), "trace_id", f"start_time > '{after(minutes=15)}'"
        )
        assert late.height == 5
        nothing = tx.semi("spans", ["trace_id", "start_time"], pairs.clear(), "trace_id")
        assert nothing.schema == {name: TABLES["spans"].polars_schema[name] for name in ("trace_id", "start_time")}


def test_frames_can_take_part_in_a_query(lake: Lake) -> None:
    prices = pl.DataFrame({"model": ["gpt-5", "other"], "factor": [2, 3]})
    lake.run(lambda tx: tx.append("costs", frame("costs", [cost(1, "1.5")])))
    answer = lake.read("SELECT (cost_usd * factor)::VARCHAR FROM costs JOIN prices USING (model)", prices=prices)
    assert answer.item() == "3.000000000000"


class FailingFirst:
    """Work that meets a busy catalog a number of times before it succeeds."""

    def __init__(self, failures: int, message: str):
        self.calls = 0
        self._failures = failures
        self._message = message

    def __call__(self, tx: Transaction) -> int:
        self.calls += 1
        tx.append("spans", frame("spans", [span(1)]))
        if self.calls <= self._failures:
            raise duckdb.TransactionException(self._message)
        return self.calls


def test_work_is_done_again_when_the_catalog_was_busy(lake: Lake) -> None:
    assert lake.run(FailingFirst(2, "Failed to execute query: database is locked")) == 3
    assert lake.read("SELECT count(*) FROM spans").item() == 1


def test_work_is_given_up_when_the_catalog_stays_busy(lake: Lake) -> None:
    with pytest.raises(LakeLockedError, match="stayed busy: database is locked"):
        lake.run(FailingFirst(99, "database is locked"), attempts=2)
    assert lake.read("SELECT count(*) FROM spans").item() == 0


def test_other_errors_are_not_tried_again(lake: Lake) -> None:
    work = FailingFirst(1, "no such thing")
    with pytest.raises(duckdb.Error, match="no such thing"):
        lake.run(work)
    assert work.calls == 1


def test_every_new_file_is_synced_before_its_rows_are_visible(
    lake: Lake, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[Path] = set()

    def record(descriptor: int) -> None:
        synced.add(Path(f"/proc/self/fd/{descriptor}").readlink())
        assert lake.read("SELECT count(*) FROM costs").item() == 0, "visible before it is safe"

    monkeypatch.setattr("lake.durable.os.fsync", record)
    with lake.transaction() as tx:
        tx.append("spans", frame("spans", [span(1)]))
        tx.append("costs", frame("costs", [cost(1, "1")]))
    files = set(data_dir.glob("data/main/*/*.parquet")) - set(data_dir.glob("data/main/schema_migrations/*"))
    assert len(files) == 3
    assert files <= synced
    assert {file.parent for file in files} | {data_dir / "data" / "main"} <= synced


def test_files_of_deletes_are_synced_too(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.run(lambda tx: tx.append("costs", frame("costs", [cost(1, "1"), cost(2, "1")])))
    synced: list[str] = []
    monkeypatch.setattr("lake.durable.os.fsync", lambda fd: synced.append(str(Path(f"/proc/self/fd/{fd}").readlink())))
    lake.run(lambda tx: tx.delete("costs", frame("costs", [cost(1, "1")]).select("cost_id")))
    assert [name for name in synced if name.endswith("-delete.parquet")]
