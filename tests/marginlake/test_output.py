"""Answers in every format: money and large numbers to the last digit."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import polars as pl

from tests.marginlake.conftest import Answer

Cli = Callable[..., Answer]
QUERY = """
SELECT 123456.789012345678::DECIMAL(18,12) AS money, 99999999999999999999::HUGEINT AS huge,
    18446744073709551615::UBIGINT AS id, TIMESTAMPTZ '2026-11-23 12:00:00.123456+01:00' AS moment, NULL AS nothing,
    [1, 2] AS list, {'a': 0.50::DECIMAL(4,2)} AS struct, 'ab'::BLOB AS bytes, 'a "quoted", text' AS text
"""


def ask(cli: Cli, lake_dir: Path, format: str, query: str = QUERY) -> str:  # noqa: A002
    answer = cli("sql", query, "--data", lake_dir, "--format", format)
    assert (answer.code, answer.err) == (0, "")
    return answer.out


def test_csv(cli: Cli, lake_dir: Path) -> None:
    assert ask(cli, lake_dir, "csv") == (
        "money,huge,id,moment,nothing,list,struct,bytes,text\n"
        "123456.789012345678,99999999999999999999,18446744073709551615,2026-11-23T11:00:00.123456+00:00,,"
        '"[1,2]","{""a"":""0.50""}",6162,"a ""quoted"", text"\n'
    )


def test_json(cli: Cli, lake_dir: Path) -> None:
    assert json.loads(ask(cli, lake_dir, "json")) == [
        {
            "money": "123456.789012345678",
            "huge": 99999999999999999999,
            "id": 18446744073709551615,
            "moment": "2026-11-23T11:00:00.123456+00:00",
            "nothing": None,
            "list": [1, 2],
            "struct": {"a": "0.50"},
            "bytes": "6162",
            "text": 'a "quoted", text',
        }
    ]


def test_json_of_no_rows_is_an_empty_list(cli: Cli, lake_dir: Path) -> None:
    assert json.loads(ask(cli, lake_dir, "json", "SELECT * FROM costs WHERE false")) == []


def test_table(cli: Cli, lake_dir: Path) -> None:
    heading, _, row, count = ask(cli, lake_dir, "table").splitlines()
    assert heading.split() == ["money", "┃", "huge", "┃", "id", "┃", "moment", "┃", "nothing", "┃", "list", "┃",
                               "struct", "┃", "bytes", "┃", "text"]  # fmt: skip
    assert [cell.strip() for cell in row.split("│")] == [
        "123456.789012345678", "99999999999999999999", "18446744073709551615", "2026-11-23 11:00:00.123Z", "NULL",
        "[1,2]", '{"a":"0.50"}', "6162", 'a "quoted", text',
    ]  # fmt: skip
    assert count == "(1 rows)"


def test_a_long_table_says_how_much_it_leaves_out(cli: Cli, lake_dir: Path) -> None:
    lines = ask(cli, lake_dir, "table", "SELECT * FROM range(1500)").splitlines()
    assert lines[-1] == "(1500 rows, the first 1000 shown; --format csv has all)"
    assert len(lines) == 1003


def test_parquet(cli: Cli, lake_dir: Path, tmp_path: Path) -> None:
    answer = cli("sql", QUERY, "--data", lake_dir, "--format", "parquet", "--out", tmp_path / "x.parquet")
    assert (answer.code, answer.out) == (0, "")
    row = pl.read_parquet(tmp_path / "x.parquet").row(0, named=True)
    assert row["money"] == Decimal("123456.789012345678")
    assert (int(row["huge"]), row["id"]) == (99999999999999999999, 18446744073709551615)


def test_a_query_from_standard_input_as_parquet_into_a_pipe(lake_dir: Path) -> None:
    command = [sys.executable, "-m", "marginlake", "sql", "-", "--data", str(lake_dir), "--format", "parquet"]
    query = b"-- what did it cost?\nSELECT cost_usd FROM costs"
    done = subprocess.run(command, input=query, capture_output=True, timeout=60, check=True)
    assert pl.read_parquet(io.BytesIO(done.stdout)).schema == {"cost_usd": pl.Decimal(18, 12)}


def test_a_query_may_begin_with_a_comment(cli: Cli, lake_dir: Path) -> None:
    assert ask(cli, lake_dir, "csv", "-- how many?\nSELECT 1 AS n") == "n\n1\n"


def test_money_of_the_lake_is_exact_in_every_format(cli: Cli, lake_dir: Path) -> None:
    query = "SELECT sum(cost_usd) AS total FROM costs"
    total = Decimal(json.loads(ask(cli, lake_dir, "json", query))[0]["total"])
    assert total > 0
    assert Decimal(ask(cli, lake_dir, "csv", query).splitlines()[1]) == total
    assert Decimal(ask(cli, lake_dir, "table", query).splitlines()[2].strip()) == total
