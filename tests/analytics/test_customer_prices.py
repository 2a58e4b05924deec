"""Prices of one customer: found when the customer is, taken back when it was another's, whatever the order."""

from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analytics.recompute import Changes
from analytics.relink import relink
from lake.connect import Lake
from marginlake.config import Config
from marginlake.landing import land
from marginlake.pipeline import prepare_or_reject
from marginlake.rules import Rules, rules_from
from receiver.journal.record import Record
from tests.analytics.stories import Story
from tests.marginlake.lakes import REVENUE, Tables, broken, differences, fill, land_batches

HALF = {"name": "acme-half", "customer": "acme", "multiplier": "0.5"}
FLAT = {"name": "globex-flat", "customer": "globex", "prices": {"input_mtok": "1", "output_mtok": "1"}}
TENTH = {"name": "openai-tenth", "provider": "openai", "discount_pct": 10}


@cache
def rules(*names: str) -> Rules:
    """The rules with these own prices; all when none is named."""
    entries = tuple(entry for entry in (HALF, FLAT, TENTH) if not names or entry["name"] in names)
    return rules_from(Config(revenue=REVENUE, pricing={"override": entries}), None)


STORIES: dict[str, tuple[list[Record], str, str | None]] = {}
"""What was sent, the cost of the first story's event (thousandths of a cent), the rule of its call."""


def tell(name: str, cost: str, rule: str | None, *records: Record) -> None:
    """Remember a story."""
    STORIES[name] = (list(records), cost, rule)


one, two, three, four, five, six = map(Story, range(1, 7))
tell("nobody's call has the price for all", "13.5", "openai-tenth", one.call(1), one.billed(2))
tell("its own customer", "7.5", "acme-half", two.call(1, customer="acme"), two.billed(2))
tell(
    "the customer comes with the root", "7.5", "acme-half",
    three.work(1, {"customer.id": "acme"}), three.call(2, parent=1), three.billed(3),
)  # fmt: skip
tell(
    "the root is replaced by a version that knows better", "100", "globex-flat",
    four.work(1, {"customer.id": "acme"}), four.call(2, parent=1), four.billed(3),
    four.work(1, {"customer.id": "globex"}, lasts=20),
)  # fmt: skip
tell(
    "a twin in another trace knows the customer", "7.5", "acme-half",
    five.call(1, answer=five.answer), five.billed(2),
    five.call(1, trace=2, answer=five.answer, library="gateway", customer="acme"),
)  # fmt: skip
tell(
    "the customer of the root has no rule of its own", "13.5", "openai-tenth",
    six.work(1, {"customer.id": "nobody"}), six.call(2, parent=1), six.billed(3),
)  # fmt: skip


def everything() -> list[Record]:
    return [record for records, _, _ in STORIES.values() for record in records]


@pytest.fixture(scope="module")
def at_once(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """All stories in one commit."""
    return land_batches(tmp_path_factory.mktemp("at-once"), [everything()], rules())


@pytest.mark.parametrize("name", STORIES)
def test_what_the_events_cost(name: str, at_once: Tables) -> None:
    number = list(STORIES).index(name) + 1
    _, cost, rule = STORIES[name]
    assert Story(number).costs(at_once) == {"report": cost}
    rows = at_once["costs"].filter(
        pl.col("trace_id").str.starts_with(f"{number:02x}") & (pl.col("status") != "aggregate")
    )
    assert set(rows["price_rule"]) == {rule}


@pytest.mark.parametrize("backwards", [False, True])
def test_record_by_record_costs_the_same(backwards: bool, tmp_path: Path, at_once: Tables) -> None:
    records = everything()[::-1] if backwards else everything()
    landed = land_batches(tmp_path, [[record] for record in records], rules())
    assert differences(landed, at_once) == []
    assert broken(tmp_path) == {}


def test_relinking_finds_nothing_to_change(tmp_path: Path, at_once: Tables) -> None:
    fill(tmp_path, [everything()], rules())
    with Lake.open(tmp_path, threads=1) as lake:
        assert relink(lake, rules().events, rules().price_again) == Changes()


def priced(tables: Tables) -> list[tuple[str | None, Decimal | None]]:
    """Rule and cost of every call, in the order of ids."""
    return list(tables["costs"].select("price_rule", "cost_usd").iter_rows())


class TestRulesThatChange:
    """Rules are for what happens from now on: what is priced stays until its customer turns out to be another."""

    root, call = one.work(1, {"customer.id": "acme"}), one.call(2, parent=1)
    signal, late = one.billed(3), one.work(1, {"customer.id": "other"}, lasts=20)

    def landed(self, tmp_path: Path, *steps: tuple[Rules, Sequence[Record]]) -> Any:
        tables: Tables = {}
        for number, (given, batch) in enumerate(steps):
            tables = land_batches(tmp_path, [batch], given, source=f"step {number}")
        assert broken(tmp_path) == {}
        return priced(tables)

    def test_a_new_rule_does_not_reach_back(self, tmp_path: Path) -> None:
        steps = (rules("openai-tenth"), [self.root, self.call]), (rules(), [self.signal])
        assert self.landed(tmp_path, *steps) == [("openai-tenth", Decimal("0.000135"))]

    def test_a_rule_that_went_still_priced_what_it_priced(self, tmp_path: Path) -> None:
        steps = (rules(), [self.root, self.call]), (rules("openai-tenth"), [self.signal])
        assert self.landed(tmp_path, *steps) == [("acme-half", Decimal("0.000075"))]

    def test_another_customer_has_the_price_of_today(self, tmp_path: Path) -> None:
        steps = (rules(), [self.root, self.call]), (rules("openai-tenth"), [self.late])
        assert self.landed(tmp_path, *steps) == [("openai-tenth", Decimal("0.000135"))]

    def test_a_customer_found_by_spans_alone_has_a_rate_in_the_lake(self, tmp_path: Path) -> None:
        root = one.work(1, {"customer.id": "globex"})
        steps = (rules("openai-tenth"), [self.call]), (rules(), [root])
        assert self.landed(tmp_path, *steps) == [("globex-flat", Decimal("0.001"))]


def test_a_call_that_counts_no_more_keeps_no_price(tmp_path: Path) -> None:
    """An agent's total was priced for its customer before its call came."""
    agent = one.call(1, operation="invoke_agent", customer="acme")
    with_call = [[agent], [one.call(2, parent=1)]]
    landed = land_batches(tmp_path / "there", with_call, rules())
    assert landed["costs"].select("status", "cost_usd").rows() == [("aggregate", None), ("priced", Decimal("0.000075"))]
    assert differences(landed, land_batches(tmp_path / "back", with_call[::-1], rules())) == []


def test_costs_are_landed_with_their_price_book(tmp_path: Path) -> None:
    with Lake.open(tmp_path, threads=1) as lake:
        land(lake, prepare_or_reject([two.call(1, customer="globex")], (), rules()), rules(), "test", 1)
        sql = (
            "SELECT k.source, r.note, r.input_mtok FROM costs JOIN rates r USING (rate_id) "
            "JOIN catalogs k ON k.catalog_id = costs.catalog_id"
        )
        assert lake.read(sql).rows() == [("overrides", "globex-flat", Decimal(1))]
        fill(lake, [[two.call(2, customer="globex")]], rules(), source="more")
        assert lake.read("SELECT count(*) FROM catalogs WHERE source = 'overrides'").item() == 1
