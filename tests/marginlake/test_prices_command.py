"""`marginlake prices`: what is in the price book, and what some usage would cost."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.marginlake.conftest import Answer

Cli = Callable[..., Answer]
LINE = {
    "provider": "openai",
    "model": "gpt-4o-mini",
    "timestamp": "2026-01-01T00:00:00Z",
    "usage": {"input_tokens": 1000, "cache_read_tokens": 400, "output_tokens": 10},
}


def quoted(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def usage(tmp_path: Path) -> Path:
    """A known model, an unknown one, and lines that cannot be read."""
    lines = [json.dumps(LINE), json.dumps(LINE | {"model": "house-model-9"}), "{", '{"usage": 3}', ""]
    file = tmp_path / "usage.jsonl"
    file.write_bytes("\n".join(lines).encode() + b'\n{"provider": "\xff"}\n')
    return file


def test_quote_answers_every_line(cli: Cli, usage: Path) -> None:
    answer = cli("prices", "quote", usage)
    assert (answer.code, answer.err) == (0, "")
    priced, unknown, *bad = quoted(answer.out)
    assert priced["status"] == "priced"
    assert (
        Decimal(str(priced["cost_usd"]))
        == (600 * Decimal("0.15") + 400 * Decimal("0.075") + 10 * Decimal("0.6")) / 10**6
    )
    assert priced["rate_id"]
    assert isinstance(priced["components"], dict)
    assert (unknown["status"], unknown["cost_usd"]) == ("unpriced", None)
    assert {line["status"] for line in bad} == {"error"}
    assert len(bad) >= 2


def test_quote_of_standard_input(process: Callable[..., Answer], usage: Path, cli: Cli) -> None:
    answer = process("prices", "quote", "-", given=usage.read_bytes())
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == cli("prices", "quote", usage).out


def test_list_and_show(cli: Cli) -> None:
    listed = json.loads(cli("prices", "list", "--provider", "openai", "--format", "json").out)
    assert {row["provider"] for row in listed} == {"openai"}
    shown = json.loads(cli("prices", "show", "openai/gpt-4o-mini", "--format", "json").out)
    assert Decimal(shown[0]["input_mtok"]) == Decimal("0.15")
    assert "0.15" in cli("prices", "show", "openai/gpt-4o-mini").out
    assert "gpt-4o-mini" in cli("prices", "list", "--format", "csv").out


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("list --provider nobody", "no model of provider 'nobody'"),
        ("show house-model-9", "the catalog "),
        ("show gpt-5 --catalog zzz", "no catalog with an id that starts with 'zzz'"),
        ("quote gone.jsonl", "gone.jsonl: no such file"),
    ],
)
def test_what_is_not_there(line: str, told: str, cli: Cli) -> None:
    answer = cli("prices", *line.split())
    assert (answer.code, answer.out) == (1, "")
    assert answer.complaint.startswith(told)


def test_importing_what_is_shipped_already_changes_nothing(cli: Cli, tmp_path: Path) -> None:
    answer = cli("prices", "import", "--data", tmp_path)
    assert (answer.code, answer.err) == (0, "")
    assert "is there already" in answer.out
    assert not (tmp_path / "catalogs").exists()
