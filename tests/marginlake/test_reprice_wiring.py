"""Pricing again with all that the settings say: installed tokenizers, and machines that are shared by the hour."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from analytics.event_rules import EventRules
from analytics.reprice import reprice
from lake.connect import Lake
from marginlake.config import Config
from marginlake.new_prices import new_prices
from marginlake.rules import Rules, rules_from
from marginlake.upkeep import settle_shared_hours
from pricing_tables.tokens import Tokenizers
from tests.marginlake.lakes import broken, captured, differences, fill, rules, tables, traces
from tests.new_lakes import empty_lake
from tests.pricing_tables.tiny_ranks import REGISTRY, installed
from tests.receiver.otlp_payloads import DATA

LATER = datetime(2027, 6, 1, tzinfo=UTC)
"""Every hour of the recordings is over by then."""

SILENT = sorted((DATA / "dialects").glob("*nousage*.pb"))


def price_again(lake: Lake, given: Rules, config: Config) -> int:
    """How many rows of `costs` a re-pricing under these rules writes."""
    new = new_prices(config, given)
    done = reprice(
        lake, given.events, given.price_again, new, after=lambda lake, _: settle_shared_hours(lake, given, LATER)
    )
    return done.changes.costs


def test_calls_that_stayed_unpriced_are_estimated_once_the_tokenizer_is_there(tmp_path: Path) -> None:
    """Where prompts are kept, the tables are then those of a lake that had the tokenizer from the start."""
    installed(tmp_path / "ranks")
    keeping = replace(rules(), capture_content=True, tokens=Tokenizers([tmp_path / "none"], REGISTRY))
    counting = replace(keeping, tokens=Tokenizers([tmp_path / "ranks"], REGISTRY))
    records = [traces(path.read_bytes()) for path in SILENT]
    for name, given in (("before", keeping), ("after", counting)):
        empty_lake(tmp_path / name)
        with Lake.open(tmp_path / name, threads=1) as lake:
            fill(lake, [[record] for record in records], given)
    with Lake.open(tmp_path / "after", threads=1) as lake:
        expected = tables(lake)
    with Lake.open(tmp_path / "before", threads=1) as lake:
        unpriced = "SELECT count(*) FROM costs WHERE usage_source = 'estimated'"
        without = lake.read(unpriced).item()
        assert price_again(lake, counting, Config()) > 0
        assert lake.read(unpriced).item() > without
        assert differences(tables(lake), expected) == []
        assert price_again(lake, counting, Config()) == 0
        assert broken(lake) == {}


def test_shares_of_an_hour_stay_and_follow_a_new_price(tmp_path: Path) -> None:
    """A settled hour is not unsettled by pricing it again; under another price it is shared anew, exactly."""
    config = Config(pricing={"override": ({"name": "pool", "provider": "openai", "per_hour": "2.49"},)})
    dearer = Config(pricing={"override": ({"name": "pool", "provider": "openai", "per_hour": "3.00"},)})
    given, changed = (replace(rules_from(one, None), events=EventRules()) for one in (config, dearer))
    empty_lake(tmp_path)
    with Lake.open(tmp_path, threads=1) as lake:
        fill(lake, [captured()], given)
        settle_shared_hours(lake, given, LATER)
        settled = tables(lake)
        assert price_again(lake, given, config) == 0
        assert differences(tables(lake), settled) == []
        assert price_again(lake, changed, dearer) > 0
        hours = lake.read(
            "SELECT date_trunc('hour', occurred_at) AS hour, sum(cost_usd) AS cost FROM costs "
            "WHERE price_rule = 'pool' AND status <> 'aggregate' GROUP BY ALL"
        )
        assert hours.height > 0
        assert set(hours["cost"]) == {3}
        assert broken(lake) == {}
