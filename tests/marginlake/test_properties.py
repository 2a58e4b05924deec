"""Whatever arrives, in whatever order and batches, once or again, live or from files: the tables are the same and true.

An example is a world of random traffic (see `traffic`): 1 to 4 traces of up to 5 spans and their REST signals. Up to a
hundred worlds share a lake. Here each property has 100 examples; `make torture`, which CI runs, gives each 500.
"""

import random
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analytics import period_mates
from analytics.recompute import Changes
from analytics.relink import relink
from lake.connect import Lake
from marginlake.config import Config, LinkingConfig
from tests.examples import examples
from tests.marginlake.lakes import Tables, broken, differences, land_into, rules, tables
from tests.marginlake.traffic import Traffic, worlds
from tests.marginlake.ways import Ways
from tests.new_lakes import empty_lake

EXAMPLES = examples(100)

BY_PERIOD: tuple[dict[str, Any], ...] = (
    {
        "name": "seat", "event": "chat_message", "customer": "acme", "unit_price_usd": "0.5",
        "recurring_fee": "29", "spread": "events",
    },
    {
        "name": "bulk", "event": "report", "customer": "other", "tier_mode": "volume", "period": "quarter",
        "tiers": [{"up_to": 3, "unit_price": "1"}, {"unit_price": "0.1", "flat": "2"}],
    },
    {
        "name": "reports", "event": "report", "anchor_day": 15,
        "tiers": [{"up_to": 2, "unit_price": "1"}, {"unit_price": "0.000000000007"}],
    },
    {"name": "at cost", "event": "chat_message", "product": "bot", "cost_multiplier": "1.3"},
    {"name": "message", "event": "chat_message", "unit_price_usd": "0.058"},
)  # fmt: skip
"""Prices by tiers and fees of a billing period, by cost, and by piece."""

pytestmark = pytest.mark.timeout(900)


@cache
def sent() -> list[Traffic]:
    """The worlds, a hundred of them together."""
    return worlds(EXAMPLES)


@pytest.fixture(scope="module")
def at_once(tmp_path_factory: pytest.TempPathFactory) -> list[Tables]:
    """The tables of the worlds, each hundred landed in one commit."""
    return [landed(tmp_path_factory.mktemp("at-once"), [traffic.records]) for traffic in sent()]


def landed(folder: Path, batches: list[list[Any]]) -> Tables:
    empty_lake(folder)
    with Lake.open(folder, threads=1) as lake:
        return land_into(lake, batches)


@pytest.fixture
def lakes(tmp_path: Path) -> Iterator[list[Lake]]:
    """An empty lake for every hundred worlds."""
    opened = []
    for number in range(len(sent())):
        empty_lake(tmp_path / str(number))
        opened.append(Lake.open(tmp_path / str(number), threads=1))
    yield opened
    for lake in opened:
        lake.close()


def test_order_independence(lakes: list[Lake], at_once: list[Tables]) -> None:
    """In another order, in several commits; and worked out again from what was received, also when all is lost."""
    for lake, traffic, expected in zip(lakes, sent(), at_once, strict=True):
        assert differences(land_into(lake, traffic.batches), expected) == []
        assert relink(lake, rules().events, rules().price_again) == Changes()
        lose_results(lake)
        relink(lake, rules().events, rules().price_again)
        assert differences(tables(lake), expected) == []


def lose_results(lake: Lake) -> None:
    """Leave only what was received and what it cost."""
    with lake.transaction() as tx:
        tx.delete("cost_links", tx.read("SELECT cost_id, signal_id FROM cost_links"))
        tx.delete("event_margins", tx.read("SELECT signal_id FROM event_margins"))


def test_idempotence(lakes: list[Lake], at_once: list[Tables]) -> None:
    """Everything again, as it was and in other batches, in the same commit and in later ones."""
    for lake, traffic, expected in zip(lakes, sent(), at_once, strict=True):
        assert differences(land_into(lake, [traffic.records * 2]), expected) == []
        before = lake.read("SELECT count(*) FROM rejected").item()
        assert differences(land_into(lake, traffic.batches[::-1]), expected) == []
        assert lake.read("SELECT count(*) FROM rejected").item() == before


def test_conservation(lakes: list[Lake]) -> None:
    """After every commit no cost is lost, invented or counted twice: not in all, not of a month, not of an event."""
    for lake, traffic in zip(lakes, sent(), strict=True):
        for batch in traffic.batches:
            landed = land_into(lake, [batch])
            assert broken(lake) == {}
            costs, links = landed["costs"], landed["cost_links"]
            unclaimed = costs.join(links, on="cost_id", how="anti")
            total = money(costs)
            assert money(links) + money(unclaimed) == total
            for view in ("margin_daily", "margin_monthly"):
                assert lake.read(total_of(view)).item() == total, view
            events = landed["event_margins"].filter(~pl.col("cost_status").is_in(["untraced", "unpriced"]))
            assert money(events) == money(links)


def total_of(view: str) -> str:
    cost = {"margin_daily": "linked_cost_usd + unclaimed_cost_usd", "margin_monthly": "cost_usd"}[view]
    return f"SELECT coalesce(sum({cost}), 0) FROM {view}"


def money(rows: pl.DataFrame) -> Decimal:
    """The sum of cost_usd, in Python's own exact arithmetic."""
    return sum(rows["cost_usd"].drop_nulls().to_list(), Decimal(0))


def test_live_is_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Live through the journal in small commits, shuffled and repeated, with all jobs in between; imported in one go;
    and rebuilt from the archive. Of larger billing periods the jobs do what a commit leaves.
    """
    for number, traffic in enumerate(sent()):
        ways = Ways(Config(revenue=BY_PERIOD, linking=LinkingConfig(attribution=("each", "split")[number % 2])))
        monkeypatch.setattr(period_mates, "MOST_AT_ONCE", (3, 5_000)[number % 2])
        chance = random.Random(number)
        folder = tmp_path / str(number)
        batch = ways.imported(folder / "batch", traffic.records)
        again = traffic.records + chance.sample(traffic.records, len(traffic.records) // 4)
        chance.shuffle(again)
        assert differences(ways.live(folder / "live", again, chance), batch) == []
        assert broken(folder / "live") == {}
        assert differences(ways.rebuilt(folder / "rebuilt", folder / "live"), batch) == []


def test_two_lakes_add_up_to_one(tmp_path: Path, at_once: list[Tables]) -> None:
    """Every other world in a lake of its own: the sums by customer and event are those of all in one lake."""
    for number, (traffic, whole) in enumerate(zip(sent(), at_once, strict=True)):
        halves = [
            landed(tmp_path / f"{number}-{part}", [[record for world in traffic.each[part::2] for record in world]])
            for part in (0, 1)
        ]
        for table, key in (("costs", "status"), ("event_margins", "event_name")):
            parts = [sums(half[table], key) for half in halves]
            assert all(part for part in parts)
            keys = parts[0].keys() | parts[1].keys()
            assert {each: added(parts, each) for each in keys} == sums(whole[table], key)


MONEY = ("cost_usd", "revenue_usd", "margin_usd")


def sums(rows: pl.DataFrame, key: str) -> dict[tuple[Any, ...], tuple[Decimal, ...]]:
    """The sums of money by customer, product and `key`, in Python's own exact arithmetic; and how many rows."""
    found: dict[tuple[Any, ...], list[Decimal]] = {}
    names = [name for name in MONEY if name in rows.columns]
    for customer, product, by, *amounts in rows.select("customer_id", "product_id", key, *names).iter_rows():
        total = found.setdefault((customer, product, by), [Decimal(0)] * (len(names) + 1))
        for place, amount in enumerate((1, *amounts)):
            total[place] += amount or 0
    return {each: tuple(total) for each, total in found.items()}


def added(parts: list[dict[tuple[Any, ...], tuple[Decimal, ...]]], key: tuple[Any, ...]) -> tuple[Decimal, ...]:
    present = [part[key] for part in parts if key in part]
    return tuple(sum(column, Decimal(0)) for column in zip(*present, strict=True))
