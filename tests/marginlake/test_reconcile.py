"""Reconciling with providers' exports: files of their shapes beside a lake whose differences from them are known."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.reconcile_files import read_theirs
from receiver.journal.record import Record
from tests.examples import examples
from tests.marginlake.conftest import Answer
from tests.marginlake.lakes import fill, traces
from tests.receiver.otlp_payloads import payload, span

Cli = Callable[..., Answer]
DAY = datetime(2026, 11, 23, tzinfo=UTC)
SECONDS = int(DAY.timestamp())


def call(number: int, model: str, tokens_in: int, tokens_out: int, cached: int = 0, hour: int = 12) -> Record:
    said: dict[str, object] = {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic" if "claude" in model else "openai",
        "gen_ai.request.model": model, "gen_ai.response.model": model, "gen_ai.usage.input_tokens": tokens_in,
        "gen_ai.usage.output_tokens": tokens_out, "gen_ai.usage.cache_read.input_tokens": cached,
    }  # fmt: skip
    start = (SECONDS + hour * 3600) * 10**9
    return traces(
        payload(
            span(said, trace_id=bytes([number] * 16), span_id=bytes([number] * 8), start_ns=start, end_ns=start + 1)
        )
    )


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two calls of gpt-4o-mini (0.00024 USD), one of gpt-4o, one without a price, and one of Claude; all of one day."""
    data = tmp_path_factory.mktemp("reconcile")
    calls = [
        call(1, "gpt-4o-mini-2024-07-18", 1000, 100), call(2, "gpt-4o-mini", 200, 0, hour=23),
        call(3, "gpt-4o-2024-08-06", 1000, 100), call(4, "house-model-9", 10, 10),
        call(5, "claude-haiku-4-5", 1000, 100),
    ]  # fmt: skip
    fill(data, [calls])
    return data


def openai(*results: dict[str, Any], start: int = SECONDS, more: bool = False) -> str:
    bucket = {"object": "bucket", "start_time": start, "end_time": start + 86400, "results": list(results)}
    return json.dumps({"object": "page", "data": [bucket], "has_more": more, "next_page": None})


def anthropic(*results: dict[str, Any]) -> str:
    bucket = {"starting_at": "2026-11-23T00:00:00Z", "ending_at": "2026-11-24T00:00:00Z", "results": list(results)}
    return json.dumps({"data": [bucket], "has_more": False, "next_page": None})


def cost(value: object, item: str | None) -> dict[str, Any]:
    amount = {"value": value, "currency": "usd"}
    return {"object": "organization.costs.result", "amount": amount, "line_item": item, "project_id": None}


def usage(model: str | None, requests: int, tokens_in: int, tokens_out: int, cached: int = 0) -> dict[str, Any]:
    return {
        "object": "organization.usage.completions.result", "input_tokens": tokens_in, "output_tokens": tokens_out,
        "input_cached_tokens": cached, "num_model_requests": requests, "model": model, "project_id": None,
    }  # fmt: skip


def compared(
    cli: Cli, lake: Path, tmp_path: Path, text: str, *said: str, name: str = "f.json"
) -> dict[str, dict[str, Any]]:
    """The rows by model."""
    (tmp_path / name).write_text(text)
    answer = cli("reconcile", tmp_path / name, "--data", lake, "--output", "json", *said)
    assert answer.err == ""
    return {row["model"]: row for row in json.loads(answer.out)}


def test_openai_costs_by_line_item(cli: Cli, lake: Path, tmp_path: Path) -> None:
    """0.00021 + 0.00003 are ours; they say a tenth more in two line items; the day's gpt-4o is missing there."""
    text = openai(cost("0.0002", "gpt-4o-mini-2024-07-18, input"), cost(0.000064, "gpt-4o-mini-2024-07-18, output"))
    rows = compared(cli, lake, tmp_path, text)
    mini = rows["openai/gpt-4o-mini"]
    assert (mini["verdict"], mini["ours_usd"], mini["theirs_usd"]) == ("drift", "0.000240000000", "0.000264000000")
    assert (mini["drift_usd"], mini["drift_pct"]) == ("-0.000024000000", "-9.090909")
    assert rows["openai/gpt-4o"]["verdict"] == "only_ours"
    assert (rows["openai/house-model-9"]["verdict"], rows["openai/house-model-9"]["ours_unpriced"]) == ("only_ours", 1)
    assert "anthropic/claude-haiku-4-5" not in rows


def test_openai_costs_of_whole_days(cli: Cli, lake: Path, tmp_path: Path) -> None:
    """Without line items days are compared; a call of ours without a price makes ours less than all of it."""
    rows = compared(cli, lake, tmp_path, openai(cost(0.5, None)))
    assert list(rows) == [None]
    assert (rows[None]["verdict"], rows[None]["ours_unpriced"], rows[None]["theirs_usd"]) == (
        "unpriced",
        1,
        "0.500000000000",
    )


def test_openai_usage_tells_missing_and_extra_calls(cli: Cli, lake: Path, tmp_path: Path) -> None:
    text = openai(
        usage("gpt-4o-mini-2024-07-18", 3, 1200, 100), usage("gpt-4o-2024-08-06", 1, 1000, 100), usage("o3", 2, 5, 5)
    )
    rows = compared(cli, lake, tmp_path, text)
    mini = rows["openai/gpt-4o-mini"]
    assert (mini["verdict"], mini["missing_requests"], mini["extra_requests"]) == ("drift", 1, 0)
    assert (mini["ours_input_tokens"], mini["theirs_input_tokens"]) == (1200, 1200)
    assert rows["openai/gpt-4o"]["verdict"] == "ok"
    assert (rows["openai/o3"]["verdict"], rows["openai/o3"]["missing_requests"]) == ("only_theirs", 2)


def test_openai_dashboard_csv(cli: Cli, lake: Path, tmp_path: Path) -> None:
    """Days without usage are lines with nothing but their times."""
    text = (
        "start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,line_item,project_id\n"
        f"{SECONDS},{SECONDS + 86400},2026-11-23T00:00:00+00:00,2026-11-24T00:00:00+00:00,"
        "0.0035000000000000,usd,gpt-4o-2024-08-06,\n"
        f"{SECONDS + 86400},{SECONDS + 172800},2026-11-24T00:00:00+00:00,2026-11-25T00:00:00+00:00,,,,\n"
    )
    rows = compared(cli, lake, tmp_path, text, "--format", "openai", name="costs.csv")
    assert (rows["openai/gpt-4o"]["verdict"], rows["openai/gpt-4o"]["drift_usd"]) == ("ok", "0.000000000000")


def test_anthropic_usage_adds_what_is_cached_to_the_input(cli: Cli, lake: Path, tmp_path: Path) -> None:
    result = {
        "uncached_input_tokens": 600, "cache_read_input_tokens": 300, "output_tokens": 100,
        "model": "claude-haiku-4-5-20251001",
        "cache_creation": {"ephemeral_5m_input_tokens": 60, "ephemeral_1h_input_tokens": 40},
    }  # fmt: skip
    row = compared(cli, lake, tmp_path, anthropic(result))["anthropic/claude-haiku-4-5"]
    assert (row["theirs_input_tokens"], row["theirs_cache_read_tokens"], row["theirs_cache_write_tokens"]) == (
        1000,
        300,
        100,
    )
    assert (row["verdict"], row["ours_input_tokens"], row["theirs_requests"]) == ("drift", 1000, None)


def test_anthropic_costs_are_cents(cli: Cli, lake: Path, tmp_path: Path) -> None:
    """1000 input tokens at 1 and 100 output tokens at 5 dollars a million: 0.15 cents."""
    results = [
        {
            "amount": "0.1",
            "currency": "USD",
            "model": "claude-haiku-4-5-20251001",
            "token_type": "uncached_input_tokens",
        },
        {"amount": "0.05", "currency": "USD", "model": "claude-haiku-4-5-20251001", "token_type": "output_tokens"},
    ]
    row = compared(cli, lake, tmp_path, anthropic(*results))["anthropic/claude-haiku-4-5"]
    assert (row["verdict"], row["ours_usd"], row["theirs_usd"]) == ("ok", "0.001500000000", "0.001500000000")


def test_any_csv_with_its_columns_named(cli: Cli, lake: Path, tmp_path: Path) -> None:
    """No provider in the file: that of the model, as the price book knows it."""
    text = "When,What,Calls,Cents\n2026-11-23T23:59:59Z,claude-haiku-4-5,2,0.15\n"
    said = ("--map", "day=When", "--map", "model=What", "--map", "requests=Calls", "--map", "cost_cents=Cents")
    row = compared(cli, lake, tmp_path, text, *said, name="f.csv")["anthropic/claude-haiku-4-5"]
    assert (row["verdict"], row["missing_requests"], row["drift_usd"]) == ("ok", 1, "0.000000000000")


def test_a_provider_may_be_spelled_otherwise(cli: Cli, lake: Path, tmp_path: Path) -> None:
    text = "date,provider,model,cost\n2026-11-23,Anthropic,claude-haiku-4-5,0.0015\n"
    assert compared(cli, lake, tmp_path, text, name="f.csv")["anthropic/claude-haiku-4-5"]["verdict"] == "ok"


@pytest.mark.parametrize(("tolerance", "code"), [("10%", 0), ("9.1", 0), ("9%", 1), ("0", 1), (None, 0)])
def test_the_tolerance_decides_the_exit_code(
    cli: Cli, lake: Path, tmp_path: Path, tolerance: str | None, code: int
) -> None:
    """Theirs is 0.00165 where ours is 0.0015: 9.09 % less."""
    (tmp_path / "f.json").write_text(anthropic({"amount": "0.165", "currency": "USD", "model": "claude-haiku-4-5"}))
    said = () if tolerance is None else ("--tolerance", tolerance)
    answer = cli("reconcile", tmp_path / "f.json", "--data", lake, *said)
    assert answer.code == code
    assert answer.out.endswith("ours 0.001500000000, theirs 0.001650000000, drift -0.000150000000 USD\n")


def test_pages_may_be_a_list_or_lines(tmp_path: Path) -> None:
    pages = [openai(usage("gpt-4o", 1, 1, 1), more=True), openai(usage("gpt-4o", 2, 2, 2), start=SECONDS + 86400)]
    for text in (f"[{','.join(pages)}]", "\n".join(pages)):
        (tmp_path / "f.json").write_text(text)
        assert read_theirs(tmp_path / "f.json", "auto", {})["requests"].to_list() == [1, 2]


WRONG = {
    "{": "no JSON",
    "[1]": "no list `data`",
    "{}": "no list `data`",
    '{"data": [{"results": []}]}': "bucket 1: not of the shape openai or anthropic",
    '{"data": [{"start_time": 1}]}': "bucket 1: no list `results`",
    '{"data": [{"start_time": "soon", "results": []}]}': "bucket 1: 'soon' is no day",
    openai({"object": "organization.usage.images.result", "images": 2}): "bucket 1: neither an amount nor token counts",
    openai(usage("gpt-4o", -1, 1, 1)): "bucket 1: num_model_requests: -1 is no count",
    openai(usage("gpt-4o", 1, 1, 1), more=True): "`has_more` is true",
    openai(cost("much", None)): "bucket 1: amount.value: 'much' is no amount",
    anthropic({"amount": "1", "currency": "EUR"}): "bucket 1: amounts in EUR",
    "day,model\n2026-11-23,x\n": "no column of costs or counts",
    "a,b\n1,2\n": "no column of the day among a, b",
    "day,cost\nyesterday,1\n": "line 2: day: 'yesterday' is no day",
    "day,cost\n2026-11-23,1.5.2\n": "line 2: cost: '1.5.2' is no amount",
    'day,cost\n2026-11-23,"1,50"\n': "line 2: cost: '1,50' is no amount",
    "day,cost\n2026-11-23,1,2\n": "line 2: not 2 fields",
    "": "no column of the day among nothing",
}


@pytest.mark.parametrize("text", WRONG, ids=list(WRONG.values()))
def test_a_file_that_is_wrong_is_told_in_a_line(cli: Cli, lake: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "f").write_text(text)
    answer = cli("reconcile", tmp_path / "f", "--data", lake)
    assert answer.code == 1
    assert answer.complaint.startswith(f"{tmp_path / 'f'}: {WRONG[text]}")


@pytest.mark.parametrize(
    ("said", "complaint", "code"),
    [
        (("nothing.json",), "nothing.json: No such file", 1),
        (("f.csv", "--map", "day"), "--map day: write MEANING=COLUMN", 2),
        (("f.csv", "--map", "colour=x"), "f.csv: --map colour=x: choose among", 1),
        (("f.csv", "--map", "cost=x"), "f.csv: --map cost=x: there is no such column", 1),
        (("f.csv", "--tolerance", "few"), "--tolerance 'few' is not a percentage", 2),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    cli: Cli,
    lake: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: tuple[str, ...],
    complaint: str,
    code: int,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f.csv").write_text("day,cost\n2026-11-23,1\n")
    answer = cli("reconcile", *said, "--data", lake)
    assert (answer.code, answer.complaint[: len(complaint)]) == (code, complaint)


@settings(max_examples=examples(20), deadline=None)
@given(amounts=st.lists(st.decimals(-1000, 1000, places=12), min_size=1, max_size=5))
def test_amounts_are_read_exactly(tmp_path_factory: pytest.TempPathFactory, amounts: list[Decimal]) -> None:
    """As numbers of JSON and as texts in cents alike; nothing goes through a float."""
    file = tmp_path_factory.mktemp("amounts") / "f.json"
    marks = [f"<{number}>" for number in range(len(amounts))]
    text = openai(*(cost(mark, "gpt-4o") for mark in marks))
    for mark, amount in zip(marks, amounts, strict=True):
        text = text.replace(f'"{mark}"', f"{amount:f}")
    file.write_text(text)
    assert read_theirs(file, "auto", {})["cost_usd"].to_list() == amounts
    file.write_text(anthropic(*({"amount": f"{amount * 100:f}", "currency": "USD"} for amount in amounts)))
    assert read_theirs(file, "auto", {})["cost_usd"].to_list() == amounts


def test_an_empty_answer_compares_nothing(cli: Cli, lake: Path, tmp_path: Path) -> None:
    (tmp_path / "f.json").write_text(openai())
    answer = cli("reconcile", tmp_path / "f.json", "--data", lake, "--tolerance", "1%")
    assert (answer.code, answer.out.splitlines()[-1]) == (0, "nothing to compare (tolerance 1 %)")
