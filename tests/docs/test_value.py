"""The pages on delivered value: their settings are read, their commands print what they show, their sums are right."""

import re
import shlex
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from analytics.revenue_parse import parse_rules
from analytics.value_parse import parse_content
from lake.read import query
from marginlake.cli import run
from marginlake.config import Config
from marginlake.value_store import models_from
from tests.docs.test_examples import ROOT, blocks

PLANS = ROOT / "docs" / "examples" / "plans.toml"
PRICES = {"acme": ("29", 500), "globex": ("79", 2000), "initech": ("199", 10000)}
TOKENS = {  # fresh input, cached input, output: tokens, and dollars per million
    "acme": ((800, "0.15"), (400, "0.075"), (350, "0.60")),
    "globex": ((900, "3"), (0, "0.30"), (410, "15")),
    "initech": ((2500, "2.50"), (0, "1.25"), (640, "10")),
}


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "160")
    return tmp_path


def commands(page: str) -> list[str]:
    shown = "".join(blocks(ROOT / "docs" / page, "console"))
    return re.findall(r"^\$ (.+)$", shown, re.MULTILINE)


def printed(page: str, data_dir: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> str:
    """What the commands of a page print, one after the other, as a console shows it."""
    told = ""
    for command in commands(page):
        words = shlex.split(command)
        assert words[0] == "marginlake"
        assert run([*words[1:], "--data", str(data_dir)]) == 0
        told += f"$ {command}\n" + capfdbinary.readouterr().out.decode()
    return told


def test_the_worked_example_prints_what_it_shows(data_dir: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    shown = "".join(blocks(ROOT / "docs" / "worked-example.md", "console"))
    assert printed("worked-example.md", data_dir, capfdbinary) == shown


def test_the_worked_example_is_right(data_dir: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Every figure of every message, to the picodollar, from the plans, the prices and the data alone."""
    printed("worked-example.md", data_dir, capfdbinary)
    rows = query(data_dir, "SELECT * FROM event_roi ORDER BY customer_id").to_dicts()
    assert [row["customer_id"] for row in rows] == list(PRICES)
    for row in rows:
        price, granted = PRICES[row["customer_id"]]
        revenue = Decimal(price) / granted
        cost = sum((count * Decimal(dollars) / 10**6 for count, dollars in TOKENS[row["customer_id"]]), Decimal(0))
        value = 3 * Decimal("0.50") + Decimal(1500) / 100
        assert row["revenue_usd"] == revenue
        assert row["cost_usd"] == cost
        assert row["margin_usd"] == revenue - cost
        assert row["value_usd"] == value
        assert row["roi"] == (value / revenue).quantize(Decimal("0.000001"))


def test_the_plans_are_those_of_the_page() -> None:
    rules = parse_rules(tomllib.loads(PLANS.read_text(), parse_float=Decimal)["revenue"])
    assert [(str(rule.plan_price), rule.plan_credits) for rule in rules] == [
        (price, Decimal(granted)) for price, granted in PRICES.values()
    ]
    page = (ROOT / "docs" / "worked-example.md").read_text()
    for rule in rules:
        assert rule.unit is not None
        assert f"${Decimal(rule.unit.numerator) / rule.unit.denominator} |" in page


def test_the_settings_of_the_page_are_read() -> None:
    for text in blocks(ROOT / "docs" / "value.md", "toml"):
        content = tomllib.loads(text, parse_float=Decimal)
        assert parse_content(content["value"])
        assert models_from(Config(**content).value, None, ())


def test_the_command_of_the_page_prints_what_it_shows(
    data_dir: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert run(["import", "docs/examples/chat_messages.jsonl", "--config", str(PLANS), "--data", str(data_dir)]) == 0
    capfdbinary.readouterr()
    shown = "".join(blocks(ROOT / "docs" / "value.md", "console"))
    assert printed("value.md", data_dir, capfdbinary) == shown
