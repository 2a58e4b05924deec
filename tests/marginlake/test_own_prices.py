"""Own prices through the whole conveyor: random traffic in any order, and the command line.

Worlds of traffic share a lake (see `traffic.worlds`), and here also the hours of machines that are paid by the hour.
"""

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from analytics.recompute import Changes
from analytics.relink import relink
from lake.connect import Lake
from marginlake.config import Config, ConfigError, load
from marginlake.rules import pricer_from, rules_from
from marginlake.upkeep import settle_shared_hours
from receiver.journal.record import Record
from tests.examples import examples
from tests.marginlake.conftest import Answer
from tests.marginlake.lakes import REVENUE, Tables, broken, differences, fill, tables
from tests.marginlake.traffic import worlds
from tests.new_lakes import empty_lake
from tests.pricing_tables.conftest import CALL_SCHEMA

Cli = Callable[..., Answer]
LATER = datetime(2100, 1, 1, tzinfo=UTC)
OVERRIDES = (
    {"name": "acme-openai", "customer": "acme", "provider": "openai", "discount_pct": "12.5"},
    {"name": "other-claude", "customer": "other", "provider": "anthropic", "per_second": "0.00042"},
    {"name": "acme-house", "customer": "acme", "model": "house*", "per_hour": "1"},
    {"name": "other-house", "customer": "other", "model": "house*", "zero": True},
    {"name": "house", "model": "house*", "per_hour": "2.49", "currency": "EUR"},
    {"name": "claude", "model": "claude*", "prices": {"input_mtok": "2", "output_mtok": "9"}, "currency": "EUR"},
)
RULES = rules_from(
    Config(revenue=REVENUE, pricing={"override": OVERRIDES, "fx": ({"currency": "EUR", "usd": "1.0834"},)}), None
)


def landed(folder: Path, batches: list[list[Record]], settled_after: float, chance: random.Random) -> Tables:
    """The tables after these batches, settled at the end and after a share of them."""
    empty_lake(folder)
    with Lake.open(folder, threads=1) as lake:
        for number, batch in enumerate(batches):
            fill(lake, [batch], RULES, source=f"batch {number}")
            if chance.random() < settled_after:
                settle_shared_hours(lake, RULES, LATER)
        settle_shared_hours(lake, RULES, LATER)
        assert broken(lake) == {}
        assert settle_shared_hours(lake, RULES, LATER) == Changes()
        assert relink(lake, RULES.events, RULES.price_again) == Changes()
        hours_add_up(lake)
        return tables(lake)


def hours_add_up(lake: Lake) -> None:
    """Every settled hour costs exactly its price."""
    rows = tables(lake)["costs"].filter(
        (pl.col("status") == "priced") & pl.col("price_rule").is_in(["acme-house", "house"])
    )
    hours = rows.group_by("price_rule", pl.col("occurred_at").dt.truncate("1h")).agg(
        pl.coalesce("original_cost", "cost_usd").sum().alias("paid")
    )
    prices = {"acme-house": Decimal(1), "house": Decimal("2.49")}
    assert all(paid == prices[rule] for rule, paid in hours.select("price_rule", "paid").iter_rows())


@pytest.mark.timeout(600)
def test_order_batches_and_settling_in_between_change_nothing(tmp_path: Path) -> None:
    seen: set[str] = set()
    for number, traffic in enumerate(worlds(examples(4), at_once=4)):
        chance = random.Random(len(traffic.records))
        at_once = landed(tmp_path / f"{number}-whole", [traffic.records], 0, chance)
        seen.update(at_once["costs"]["price_rule"].drop_nulls())
        assert differences(landed(tmp_path / f"{number}-parts", traffic.batches, 0.5, chance), at_once) == []
    assert len(seen) > 3


SETTINGS = """
[[pricing.override]]
name = "openai-contract"
provider = "openai"
model = "gpt-4o*"
from = 2026-10-01
discount_pct = 12.5

[[pricing.override]]
name = "acme"
customer = "acme"
multiplier = "0.5"

[[pricing.override]]
name = "house"
provider = "vllm"
currency = "EUR"
prices = { input_mtok = 1.10, output_mtok = "4.40" }

[[pricing.override]]
name = "gpu"
provider = "ollama"
per_second = "0.00042"

[[pricing.alias]]
provider = "azure"
name = "my-prod"
model = "gpt-4o-mini"

[[pricing.fx]]
currency = "EUR"
usd = 1.0834
from = 2026-11-01
"""
USAGE = {"input_tokens": 1000, "output_tokens": 10}
LINES = (
    {"provider": "openai", "model": "gpt-4o-mini"},
    {"provider": "openai", "model": "gpt-4o-mini", "customer": "acme"},
    {"provider": "openai", "model": "gpt-4o-mini", "timestamp": "2026-09-30T00:00:00Z"},
    {"provider": "vllm", "model": "Llama"},
    {"provider": "vllm", "model": "Llama", "timestamp": "2026-10-31T00:00:00Z"},
    {"provider": "ollama", "model": "Llama", "duration_ns": 1_500_000_000},
    {"provider": "azure", "model": "my-prod"},
    {"provider": "nobody", "model": "house"},
)
COSTS = (
    # 1000 x 0.15 and 10 x 0.60 dollars a million
    ("0.0001365", "openai-contract"),
    ("0.000078", "acme"),
    ("0.000156", None),
    ("0.0012394096", "house"),  # (1000 x 1.10 + 10 x 4.40) euros a million, 1.0834 dollars each
    (None, "house"),
    ("0.00063", "gpu"),
    ("0.000156", None),
    (None, None),
)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data directory with these settings."""
    (tmp_path / "marginlake.toml").write_text(SETTINGS, encoding="utf-8")
    return tmp_path


@pytest.fixture
def usage(tmp_path: Path) -> Path:
    """Lines to quote, a blank one and bad ones among them."""
    lines = [json.dumps({"timestamp": "2026-11-15T12:00:00Z", "usage": USAGE} | line) for line in LINES]
    bad = [json.dumps({"model": "x", "timestamp": "2026-11-15", "usage": USAGE, "customer": 3}), "{"]
    file = tmp_path / "usage.jsonl"
    file.write_text("\n".join([*lines[:3], "", *lines[3:], *bad]), encoding="utf-8")
    return file


def answered(answer: Answer) -> list[dict[str, object]]:
    assert (answer.code, answer.err) == (0, "")
    return [json.loads(line) for line in answer.out.splitlines()]


class TestCommands:
    def test_quotes_have_the_own_price_and_name_its_rule(self, cli: Cli, data_dir: Path, usage: Path) -> None:
        *good, customer, brace = answered(cli("prices", "quote", usage, "--data", data_dir))
        assert [(row["cost_usd"], row["price_rule"]) for row in good] == list(COSTS)
        assert good[4]["rate_note"] == "no exchange rate for EUR on 2026-10-31"
        assert (good[3]["original_cost"], good[3]["fx_rate"]) == ("0.001144", "1.0834")
        assert good[6]["match"] == "override"
        assert customer["error"] == "line 10: customer must be a string"
        assert str(brace["error"]).startswith("line 11: not JSON")

    def test_quotes_are_what_the_calls_themselves_would_cost(self, data_dir: Path, cli: Cli, usage: Path) -> None:
        own = pricer_from(load(None, data_dir), data_dir)
        calls = pl.DataFrame(
            [
                {
                    "provider": line["provider"],
                    "response_model": line["model"],
                    "occurred_at": datetime.fromisoformat(str(line.get("timestamp", "2026-11-15T12:00:00Z"))),
                    "customer_id": line.get("customer"),
                    "duration_ns": line.get("duration_ns"),
                    "usage_source": "reported",
                    "failed": False,
                    **USAGE,
                }
                for line in LINES
            ],
            schema={**CALL_SCHEMA, "customer_id": pl.String, "duration_ns": pl.Int64},
        )
        priced = own.price(calls, own.current)
        quoted = answered(cli("prices", "quote", usage, "--data", data_dir))[: len(LINES)]
        for name in ("status", "rate_id", "model", "match", "rate_note", "price_rule"):
            assert priced[name].to_list() == [row[name] for row in quoted], name
        assert priced["cost_usd"].to_list() == [
            None if row["cost_usd"] is None else Decimal(str(row["cost_usd"])) for row in quoted
        ]

    def test_without_own_prices_a_quote_is_the_list_price(self, cli: Cli, tmp_path: Path) -> None:
        file = tmp_path / "usage.jsonl"
        file.write_text(json.dumps({"timestamp": "2026-11-15", "usage": USAGE, "customer": "acme"} | LINES[0]))
        (row,) = answered(cli("prices", "quote", file, "--data", tmp_path))
        assert row["cost_usd"] == "0.000156"

    def test_list_shows_what_holds_first_first(self, cli: Cli, data_dir: Path) -> None:
        rows = json.loads(cli("prices", "override", "list", "--data", data_dir, "--format", "json").out)
        assert [(row["kind"], row["name"], row["effect"]) for row in rows] == [
            ("override", "acme", "list price x 0.5"),
            ("override", "openai-contract", "list price x 0.875"),
            ("override", "house", "input_mtok 1.1, output_mtok 4.4 EUR"),
            ("override", "gpu", "0.00042 USD per second"),
            ("alias", "my-prod", "priced as gpt-4o-mini"),
            ("fx", "EUR", "1 EUR = 1.0834 USD"),
        ]
        assert "openai-contract" in cli("prices", "override", "list", "--data", data_dir).out
        assert cli("prices", "override", "list", "--data", data_dir, "--format", "csv").out.startswith("kind,name,")

    def test_check_says_which_rule_a_line_would_have(self, cli: Cli, data_dir: Path, usage: Path) -> None:
        *good, customer, _ = answered(cli("prices", "override", "check", usage, "--data", data_dir))
        assert [row["price_rule"] for row in good] == [rule for _, rule in COSTS]
        assert [row["effect"] for row in good[:3]] == ["list price x 0.875", "list price x 0.5", "list price"]
        assert customer["status"] == "error"

    def test_a_wrong_entry_is_told_in_one_line(self, cli: Cli, data_dir: Path) -> None:
        (data_dir / "marginlake.toml").write_text(SETTINGS + '[[pricing.override]]\nname = "x"\nmultiplier = "half"\n')
        answer = cli("prices", "override", "list", "--data", data_dir)
        assert answer.code == 1
        assert answer.complaint == "pricing.override entry 5 (x): multiplier: 'half' is not an amount"


def test_amounts_without_quotes_are_what_was_written(data_dir: Path) -> None:
    content = '[[pricing.override]]\nname = "x"\nper_second = 0.000000000001\n'
    (data_dir / "marginlake.toml").write_text(content)
    assert pricer_from(load(None, data_dir), data_dir).book.rules[0].rate == Decimal("0.000000000001")
    (data_dir / "marginlake.toml").write_text("[commit]\ninterval_seconds = 0.25\n")
    assert load(None, data_dir).commit.interval_seconds == 0.25


def test_entries_can_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = '[{"name": "x", "multiplier": 0.1}]'
    monkeypatch.setenv("MARGINLAKE_PRICING__OVERRIDE", entry)
    assert pricer_from(load(None, tmp_path), tmp_path).book.rules[0].multiplier == Decimal("0.1")
    monkeypatch.setenv("MARGINLAKE_PRICING__OVERRIDE", entry.replace("0.1", "-1"))
    with pytest.raises(ConfigError, match=r"^pricing\.override entry 1 \(x\): multiplier: -1 must be zero or more$"):
        rules_from(load(None, tmp_path), tmp_path)


class TestDocs:
    page = (Path(__file__).parents[2] / "docs" / "own-prices.md").read_text(encoding="utf-8")

    def test_the_example_is_understood(self, tmp_path: Path) -> None:
        (tmp_path / "marginlake.toml").write_text(self.page.split("```toml\n")[1].split("```")[0], encoding="utf-8")
        own = pricer_from(load(None, tmp_path), tmp_path)
        assert {rule.kind for rule in own.book.rules} == {"multiplier", "prices", "per_second", "per_hour", "zero"}
        assert len(own.book.aliases) == len(own.fx.rates) == 1

    def test_the_shown_answer_is_the_answer(self, tmp_path: Path, cli: Cli) -> None:
        (tmp_path / "marginlake.toml").write_text(self.page.split("```toml\n")[1].split("```")[0], encoding="utf-8")
        lines = self.page.splitlines()
        asked = next(line.split("'")[1] for line in lines if line.startswith("    $ echo"))
        shown = next(line.strip() for line in lines if line.startswith('    {"price_rule"'))
        file = tmp_path / "line.json"
        file.write_text(asked, encoding="utf-8")
        assert cli("prices", "override", "check", file, "--data", tmp_path).out.strip() == shown
