"""Exports of tables: whole or not at all, of one snapshot, with every value as the lake has it."""

import hashlib
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest

from analytics.export_files import ExportError, appearing
from lake.connect import Lake
from lake.schema import TABLES, VIEWS
from tests.marginlake.conftest import Answer
from tests.marginlake.lakes import captured, fill

Cli = Callable[..., Answer]


def test_the_duckdb_file_is_the_lake_without_ducklake(cli: Cli, lake_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "lake.duckdb"
    answer = cli("export", "duckdb", file, "--data", lake_dir)
    assert (answer.code, answer.err) == (0, "")
    assert [path.name for path in tmp_path.iterdir()] == ["lake.duckdb"]
    plain = duckdb.connect(str(file), read_only=True, config={"autoload_known_extensions": False})
    plain.execute("SET TimeZone = 'UTC'")
    with Lake.open(lake_dir, read_only=True) as lake:
        for name, table in TABLES.items():
            columns = ", ".join(table.column_names)
            sql = f"SELECT {columns} FROM {name} ORDER BY {', '.join(table.key)}"
            assert plain.execute(sql).pl().equals(lake.read(sql), null_equal=True), name
            types = [row[1] for row in plain.execute(f"DESCRIBE {name}").fetchall()]
            expected = [column.type.replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE") for column in table.columns]
            assert types == expected
        for name in VIEWS:
            theirs, ours = plain.execute(f"FROM {name}").pl(), lake.read(f"SELECT * FROM {name}")
            assert theirs.sort(theirs.columns).equals(ours.sort(ours.columns), null_equal=True), name
    comments = dict(plain.execute("SELECT table_name, comment FROM duckdb_tables()").fetchall())
    assert comments == {name: table.comment for name, table in TABLES.items()}
    told = plain.execute("SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal").fetchall()
    known = {(name, column.name, column.comment) for name, table in TABLES.items() for column in table.columns}
    assert known <= set(told)
    assert dict(plain.execute("SELECT view_name, comment FROM duckdb_views() WHERE NOT internal").fetchall()) == {
        name: view.comment for name, view in VIEWS.items()
    }
    plain.close()


@pytest.mark.parametrize("partition", ["none", "day", "month"])
def test_parquet_has_every_row_and_the_manifest_says_what_it_is(
    cli: Cli, lake_dir: Path, tmp_path: Path, partition: str
) -> None:
    out = tmp_path / "p"
    answer = cli("export", "parquet", "--out", out, "--data", lake_dir, "--partition", partition)
    assert (answer.code, answer.err) == (0, "")
    manifest = json.loads((out / "manifest.json").read_text())
    assert {"key_directory", "ingest_log", "schema_migrations"}.isdisjoint(manifest["tables"])
    written = {path.relative_to(out).as_posix() for path in out.rglob("*.parquet")}
    listed = [file for said in manifest["tables"].values() for file in said["files"]]
    assert {file["path"] for file in listed} == written
    for file in listed:
        content = (out / file["path"]).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (file["sha256"], file["bytes"])
    with Lake.open(lake_dir, read_only=True) as lake:
        for name, said in manifest["tables"].items():
            table = TABLES[name]
            rows = duckdb.sql(
                f"SELECT {', '.join(table.column_names)} FROM read_parquet('{out}/{name}/**/*.parquet', "
                f"hive_partitioning = false) ORDER BY {', '.join(table.key)}"
            ).pl()
            sql = f"SELECT {', '.join(table.column_names)} FROM {name} ORDER BY {', '.join(table.key)}"
            same = lake.read(sql)
            assert rows.cast(dict(same.schema)).equals(same, null_equal=True), name  # type: ignore[arg-type]
            assert said["rows"] == rows.height == sum(file["rows"] for file in said["files"])
        billed = lake.read("SELECT sum(cost_usd) FROM costs").item()
    assert Decimal(manifest["tables"]["costs"]["sums"]["cost_usd"]) == billed
    if partition == "day":
        assert any("/day=2026-" in path for path in written)


def test_csv_keeps_money_and_tells_null_from_nothing(cli: Cli, lake_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "c"
    assert cli("export", "csv", "--out", out, "--data", lake_dir, "--tables", "costs,signals").code == 0
    assert sorted(path.name for path in out.iterdir()) == ["costs", "manifest.json", "signals"]
    text = pl.read_csv(out / "costs" / "data_0.csv", infer_schema=False).sort("cost_id")
    with Lake.open(lake_dir, read_only=True) as lake:
        stored = lake.read("SELECT cost_usd::VARCHAR AS m, occurred_at FROM costs ORDER BY cost_id")
    assert text["cost_usd"].to_list() == stored["m"].to_list()
    assert (
        text["occurred_at"].str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_zone="UTC").to_list()
        == stored["occurred_at"].to_list()
    )


def test_a_period_takes_the_rows_of_its_time(cli: Cli, lake_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "p"
    assert cli("export", "parquet", "--out", out, "--data", lake_dir, "--from", "2100-01-01").code == 0
    manifest = json.loads((out / "manifest.json").read_text())["tables"]
    assert (manifest["costs"]["rows"], manifest["signals"]["rows"]) == (0, 0)
    assert manifest["rates"]["rows"] > 1000
    assert pl.read_parquet(out / "costs" / "data_0.parquet").columns == list(TABLES["costs"].column_names)


@pytest.mark.parametrize("said", [("duckdb", "there"), ("focus", "--out", "there.csv"), ("parquet", "--out", "there")])
def test_what_is_there_is_replaced_only_by_force(
    cli: Cli, lake_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli("export", *said, "--data", lake_dir).code == 0
    again = cli("export", *said, "--data", lake_dir)
    assert (again.code, again.complaint) == (1, f"{tmp_path / said[-1]}: is there already; --force replaces it")
    assert cli("export", *said, "--data", lake_dir, "--force").code == 0
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_is_no_export_is_never_replaced(cli: Cli, lake_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    answer = cli("export", "parquet", "--out", tmp_path, "--data", lake_dir, "--force")
    assert (answer.code, answer.complaint) == (1, f"{tmp_path}: is no earlier export, it is not replaced")
    assert (tmp_path / "mine.txt").read_text() == "precious"


def write_half(target: Path) -> None:
    with appearing(target, force=True) as place:
        place.write_text("half")
        raise KeyboardInterrupt


def test_interrupted_nothing_is_left_and_what_was_there_stays(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("before")
    with pytest.raises(KeyboardInterrupt):
        write_half(target)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert target.read_text() == "before"


def test_ctrl_c_within_an_export(cli: Cli, lake_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise RuntimeError("Query interrupted")

    monkeypatch.setattr("analytics.export_tables.snapshot_of", interrupt)
    answer = cli("export", "parquet", "--out", tmp_path / "p", "--data", lake_dir)
    assert (answer.code, answer.complaint) == (130, "interrupted")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="no folder"), appearing(tmp_path / "file", force=True, folder=True):
        pass


def test_what_a_writer_commits_meanwhile_is_not_in_it(tmp_path: Path) -> None:
    """All tables are of the snapshot with which the export began."""
    from analytics.export_tables import chosen, export_tables
    from analytics.period import Period

    data, out = tmp_path / "d", tmp_path / "p"
    records = captured()
    fill(data, [records[:5]])
    out.mkdir()
    with Lake.open(data, read_only=True) as lake:
        before = lake.read("SELECT count(*) FROM spans").item()
        connection = lake.cursor()
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM spans").fetchall()
        fill(data, [records[5:10]], source="other")
        manifest = export_tables(connection, out, chosen(["spans", "costs"]), "parquet", "none", Period())
        connection.close()
    assert manifest["tables"]["spans"]["rows"] == before


@pytest.mark.parametrize(
    ("said", "complaint", "code"),
    [
        (("focus", "--out", "f.xlsx"), "--out f.xlsx: the name must end in .csv or .parquet", 2),
        (("parquet", "--out", "x", "--tables", "sales"), "--tables: no table 'sales'", 2),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    cli: Cli, lake_dir: Path, said: tuple[str, ...], complaint: str, code: int
) -> None:
    answer = cli("export", *said, "--data", lake_dir)
    assert answer.code == code
    assert answer.complaint.startswith(complaint)
