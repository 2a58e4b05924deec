"""`marginlake revenue list` and `check`: the rules in words, and what about them does not fit."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from analytics.event_rules import EventRules
from analytics.revenue_check import shadows
from analytics.revenue_parse import parse_rules
from analytics.revenue_words import earns
from lake.connect import Lake
from marginlake.revenue_store import adopt_rules
from tests.marginlake.conftest import Answer
from tests.marginlake.lakes import fill, rest

Cli = Callable[..., Answer]
SETTINGS = """
[[revenue]]
name = "starter"
event = "chat_message"
customer = "acme"
credits = 1
plan_price = "29"
plan_credits = 500

[[revenue]]
name = "pages"
event = "page"
tiers = [{ up_to = 1000, unit_price = "0.02" }, { unit_price = "0.01", flat = "5" }]
valid_from = 2026-01-01T00:00:00Z
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A lake with a chat message and a page of acme, and two searches of nobody's rule."""
    said = [("chat_message", "acme", "bot"), ("page", "acme", "bot"), ("search", "acme", "bot"), ("search", "x", None)]
    signals = [
        {"eventName": event, "customer": {"externalCustomerId": customer}, "timestamp": "2026-11-01T12:00:00Z"}
        | ({"attribution": {"externalProductId": product}} if product else {})
        for event, customer, product in said
    ]
    fill(tmp_path / "data", [[rest(json.dumps({"signals": signals}).encode())]])
    return tmp_path / "data"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(SETTINGS)
    return path


def rows(answer: Answer) -> list[dict[str, object]]:
    assert answer.err == ""
    found = json.loads(answer.out)
    assert isinstance(found, list)
    return found


def test_list_shows_every_rule_the_most_specific_first(cli: Cli, config: Path, tmp_path: Path) -> None:
    found = rows(cli("revenue", "list", "--config", config, "--data", tmp_path / "none", "--format", "json"))
    assert found == [
        {
            "rule": "starter", "customer": "acme", "product": None, "event": "chat_message", "from": None, "to": None,
            "earns": "1 credit each at 29/500 USD a credit", "kept": "settings",
        },
        {
            "rule": "pages", "customer": None, "product": None, "event": "page", "from": "2026-01-01T00:00:00+00:00",
            "to": None, "earns": "graduated over a month in USD (to 1000 0.02; beyond 0.01 + 5)", "kept": "settings",
        },
    ]  # fmt: skip


def test_list_says_which_rules_the_lake_keeps(cli: Cli, data: Path, config: Path) -> None:
    starter = parse_rules(tomllib.loads(SETTINGS)["revenue"])[:1]
    old = parse_rules([{"name": "old", "event": "e", "unit_price_usd": "1"}])
    with Lake.open(data, threads=1) as lake:
        adopt_rules(lake, EventRules(starter + old))
    found = rows(cli("revenue", "list", "--config", config, "--data", data, "--format", "json"))
    assert {row["rule"]: row["kept"] for row in found} == {
        "starter": "settings, lake",
        "pages": "settings",
        "old": "lake",
    }
    without_settings = rows(cli("revenue", "list", "--data", data, "--format", "json"))
    assert [row["rule"] for row in without_settings] == ["starter", "old"]


def test_check_names_events_without_a_rule_and_how_many(cli: Cli, data: Path, config: Path) -> None:
    found = rows(cli("revenue", "check", "--config", config, "--data", data, "--format", "json"))
    assert [(row["finding"], row["event"], row["product"], row["events"]) for row in found] == [
        ("no_rule", "search", "bot", 1),
        ("no_rule", "search", None, 1),
    ]


def test_check_names_rules_that_no_event_earns_by_and_why(cli: Cli, data: Path, config: Path) -> None:
    config.write_text(
        SETTINGS
        + """
[[revenue]]
name = "any message"
event = "chat_message"
unit_price_usd = "1"

[[revenue]]
name = "gone"
event = "page"
unit_price_usd = "1"
valid_to = 2026-01-01T00:00:00Z

[[revenue]]
name = "rest"
unit_price_usd = "0"

[[revenue]]
name = "twice"
unit_price_usd = "2"
"""
    )
    found = rows(cli("revenue", "check", "--config", config, "--data", data, "--format", "json"))
    assert [(row["finding"], row["rule"], row["events"], row["detail"]) for row in found] == [
        ("shadowed", "twice", None, "never counts: rest holds for the same and goes before"),
        ("no_event", "any message", 1, "all of them earn by starter"),
        ("no_event", "gone", 0, "no event that came is of this customer, product, name and time"),
    ]


def test_check_fails_only_when_asked_or_when_a_rule_is_wrong(cli: Cli, data: Path, config: Path) -> None:
    answer = cli("revenue", "check", "--config", config, "--data", data)
    assert (answer.code, answer.out.splitlines()[0]) == (0, "2 rules, 4 events: 2 findings")
    assert cli("revenue", "check", "--fail", "--config", config, "--data", data).code == 1
    config.write_text(SETTINGS + '[[revenue]]\nname = "rest"\nunit_price_usd = "0"\n')
    fitting = cli("revenue", "check", "--fail", "--config", config, "--data", data)
    assert (fitting.code, fitting.out) == (0, "3 rules, 4 events: all fit\n")
    config.write_text(SETTINGS.replace('"0.02"', '"cheap"'))
    wrong = cli("revenue", "check", "--config", config, "--data", data)
    assert wrong.code == 1
    assert wrong.complaint.startswith("revenue entry 2 (pages): tiers:")


def test_check_without_a_lake_reads_the_rules(cli: Cli, config: Path, tmp_path: Path) -> None:
    answer = cli("revenue", "check", "--config", config, "--data", tmp_path / "none")
    assert (answer.code, answer.out.splitlines()[0]) == (0, "2 rules, 0 events: 2 findings")


def shadowed(*entries: dict[str, object]) -> list[str]:
    rules = parse_rules([{"unit_price_usd": "1", **entry} for entry in entries])
    return [rule.rule_id for rule in rules if shadows(rule, rules)]


def test_a_price_that_a_later_one_follows_is_not_shadowed() -> None:
    assert shadowed({"name": "a", "valid_from": "2026-01-01"}, {"name": "b", "valid_from": "2026-02-01"}) == []


def test_a_rule_is_shadowed_by_several_only_when_they_leave_no_gap() -> None:
    whole = {"name": "z", "valid_from": "2026-01-01", "valid_to": "2026-03-01"}
    first = {"name": "a", "valid_from": "2026-01-01", "valid_to": "2026-02-01"}
    assert shadowed(whole, first, {"name": "b", "valid_from": "2026-02-01"}) == ["z"]
    assert shadowed(whole, first, {"name": "b", "valid_from": "2026-02-02"}) == []
    assert shadowed(whole, first, {"name": "b", "valid_from": "2026-02-01", "event": "x"}) == []


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"unit_price_usd": "0.058"}, "0.058 USD each"),
        ({"unit_price": "0.10", "currency": "EUR", "quantity": "size.pages"}, "0.1 EUR each, quantity data.size.pages"),
        ({"credits": 2, "credit_value_usd": "0.01"}, "2 credits each at 0.01 USD a credit"),
        ({"credit_brackets": [{"up_to": 10, "credits": 1}, {"credits": 5}], "credit_value_usd": "1"},
         "credits by size (to 10 1; beyond 5) at 1 USD a credit"),
        ({"cost_multiplier": "1.30"}, "1.3 times its cost"),
        ({"revenue": "data.total", "revenue_currency": "data.currency"}, "data.total in data.currency"),
        ({"recurring_fee": "29", "spread": "events", "period": "quarter"}, "29 USD a quarter spread over its events"),
        ({"unit_price_usd": "0.005", "included": 100}, "graduated over a month in USD (to 100 0; beyond 0.005)"),
        ({"unit_price_usd": "1", "when": "data.resolved == true"}, "1 USD each, when data.resolved == true"),
        ({"unit_price_usd": "1000", "when": "pages >= 3.50"}, "1000 USD each, when data.pages >= 3.5"),
    ],
)  # fmt: skip
def test_rules_in_words(entry: dict[str, object], words: str) -> None:
    assert earns(parse_rules([entry])[0]) == words
