"""`marginlake prices`: what is in the price book, and what some usage would cost."""

import json
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.marginlake.conftest import Answer
from tests.pricing_tables.releases import SAMPLE

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


def test_importing_what_is_shipped_already_changes_nothing(cli: Cli, tmp_path: Path, without_litellm: None) -> None:
    answer = cli("prices", "import", "--data", tmp_path)
    assert (answer.code, answer.err) == (0, "")
    assert "is there already" in answer.out
    assert not (tmp_path / "catalogs").exists()


def wheel(folder: Path) -> Path:
    """A wheel of LiteLLM with some of its entries."""
    path = folder / "litellm.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("litellm-1.110.2.dist-info/METADATA", "Name: litellm\nVersion: 1.110.2\n")
        archive.write(SAMPLE, "litellm/model_prices_and_context_window_backup.json")
    return path


def test_importing_one_source_from_its_wheel_and_comparing(cli: Cli, tmp_path: Path) -> None:
    data = ("--data", tmp_path / "data")
    answer = cli("prices", "import", "--source", "litellm", "--file", wheel(tmp_path), *data)
    assert (answer.code, answer.err) == (0, "")
    name = answer.out.split()[1]
    assert answer.out.startswith(f"catalog {name} (litellm 1.110.2, MIT): ")
    # The same content is the same catalog.
    again = cli("prices", "import", "--source", "litellm", "--file", wheel(tmp_path), *data)
    assert "is there already" in again.out
    assert len(list((tmp_path / "data" / "catalogs").iterdir())) == 1
    shown = cli("prices", "diff", "shipped", name, "--provider", "novita", "--format", "json", *data)
    assert shown.code == 0
    changes = json.loads(shown.out)
    assert {change["change"] for change in changes} == {"removed"}
    assert {"provider", "model", "unit", "valid_from", "old_price", "new_price"} <= changes[0].keys()
    assert cli("prices", "diff", name, name, *data).out == "no price differs\n"
    assert "novita" in cli("prices", "diff", "shipped", name, "--format", "csv", *data).out


def test_importing_all_lays_a_wheel_over_what_is_shipped(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    newcomer = {
        "litellm_provider": "deepinfra",
        "mode": "chat",
        "input_cost_per_token": 3e-6,
        "output_cost_per_token": 4e-6,
    }
    path.write_text(json.dumps({"deepinfra/some/newcomer": newcomer}))
    data = ("--data", tmp_path / "data")
    name = cli("prices", "import", "--file", path, *data).out.split()[1]
    changes = json.loads(cli("prices", "diff", "shipped", name, "--format", "json", *data).out)
    assert {change["model"] for change in changes if change["change"] == "added"} >= {"deepinfra/some/newcomer"}
    gone = [change for change in changes if change["change"] == "removed" and change["provider"] == "deepinfra"]
    assert gone == []


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("import --file notes.txt", "notes.txt: no such file"),
        ("diff shipped zzz", "no catalog with an id that starts with 'zzz'"),
    ],
)
def test_imports_that_cannot_be(line: str, told: str, cli: Cli) -> None:
    answer = cli("prices", *line.split())
    assert (answer.code, answer.out) == (1, "")
    assert answer.complaint.startswith(told)
