"""Revenue rules live in the lake too, and a change of them reaches every event."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from analytics.event_rules import EventRules
from analytics.revenue_parse import parse_rules
from lake.connect import Lake
from marginlake.config import Config
from marginlake.revenue_store import adopt_rules, stored_rules
from marginlake.rules import rules_from
from marginlake.service import Service
from tests.analytics.stories import Story
from tests.marginlake.lakes import REVENUE, fill

RULES = (
    *REVENUE,
    {"event": "report", "product": "bot", "credits": 3, "credit_value_usd": "0.058", "quantity": "size.pages",
     "valid_from": "2026-01-01", "valid_to": "2027-01-01T12:00:00Z"},
)  # fmt: skip


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    story = Story()
    fill(tmp_path, [[story.call(1), story.billed(2, "chat_message"), story.billed(3, "report")]])
    with Lake.open(tmp_path, threads=1) as opened:
        yield opened


def revenue(lake: Lake) -> dict[str, Decimal | None]:
    return dict(lake.read("SELECT event_name, revenue_usd FROM event_margins").iter_rows())


def test_what_is_stored_reads_back_as_it_was(lake: Lake) -> None:
    given = parse_rules(RULES)
    adopt_rules(lake, EventRules(given))
    assert parse_rules(stored_rules(lake)) == tuple(sorted(given, key=lambda rule: rule.rule_id))


def test_the_same_rules_again_write_nothing(lake: Lake) -> None:
    adopt_rules(lake, EventRules(parse_rules(REVENUE)))
    before = lake.read("SELECT max(snapshot_id) FROM ducklake_snapshots('lake')").item()
    assert adopt_rules(lake, EventRules(parse_rules(REVENUE[::-1]))) == 0
    assert lake.read("SELECT max(snapshot_id) FROM ducklake_snapshots('lake')").item() == before


def test_changed_rules_change_the_margins_they_touch(lake: Lake) -> None:
    assert revenue(lake) == {"chat_message": Decimal("0.058"), "report": None}
    dearer = [{"name": "message", "event": "chat_message", "unit_price_usd": "0.10"}]
    assert adopt_rules(lake, EventRules(parse_rules(dearer))) == 1
    assert revenue(lake) == {"chat_message": Decimal("0.10"), "report": None}
    margin = lake.read("SELECT margin_usd = revenue_usd - cost_usd FROM event_margins WHERE revenue_usd IS NOT NULL")
    assert margin.item()
    adopt_rules(lake, EventRules())
    assert revenue(lake) == {"chat_message": None, "report": None}


def test_settings_that_name_no_rules_use_those_of_the_lake(lake: Lake) -> None:
    adopt_rules(lake, EventRules(parse_rules(REVENUE)))
    assert rules_from(Config(), None, stored_rules(lake)).events.revenue == tuple(
        sorted(parse_rules(REVENUE), key=lambda rule: rule.rule_id)
    )
    own = Config(revenue=({"event": "x", "unit_price_usd": "1"},))
    assert [rule.event_name for rule in rules_from(own, None, stored_rules(lake)).events.revenue] == ["x"]


def test_a_service_started_with_other_rules_works_every_margin_out_again(lake: Lake, tmp_path: Path) -> None:
    free = {"grpc": "127.0.0.1:0", "http": "127.0.0.1:0"}
    service = Service(tmp_path, Config(receiver=free, revenue=({"event": "report", "unit_price_usd": "2"},)))
    try:
        service.start()
        assert revenue(lake) == {"chat_message": None, "report": Decimal(2)}
    finally:
        service.stop()
