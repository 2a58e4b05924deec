"""Costs that several events share, shown in part or in full; and sampled calls that stand for others."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from analytics.recompute import Changes
from analytics.relink import relink
from lake.connect import Lake
from marginlake.config import Config, LinkingConfig
from marginlake.rules import Rules, rules_from
from tests.analytics.stories import Story
from tests.marginlake.lakes import broken, fill, traces
from tests.new_lakes import empty_lake
from tests.receiver.otlp_payloads import payload, span

WHOLE = Decimal("0.00015")
REVENUE = ({"name": "report", "event": "report", "unit_price_usd": "1"},)


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    empty_lake(tmp_path)
    with Lake.open(tmp_path, threads=1) as opened:
        yield opened


def rules(attribution: str) -> Rules:
    linking = LinkingConfig.model_validate({"attribution": attribution})
    return rules_from(Config(revenue=REVENUE, linking=linking), None)


def events(lake: Lake) -> list[tuple[Decimal, Decimal, bool]]:
    """Cost, margin and whether the cost is repeated, of every event."""
    return lake.read("SELECT cost_usd, margin_usd, cost_repeated FROM event_margins ORDER BY signal_id").rows()


def test_each_event_shows_the_whole_cost_and_totals_count_it_once(lake: Lake) -> None:
    story = Story()
    each = rules("each")
    for records in ([story.call(1)], [story.billed(2)], [story.billed(3)]):
        fill(lake, [records], each)
    assert events(lake) == [(WHOLE, 1 - WHOLE, True)] * 2
    assert lake.read("SELECT sum(cost_usd) FROM cost_links").item() == WHOLE
    assert lake.read("SELECT cost_usd, margin_usd FROM margin_by_event").row(0) == (WHOLE, 2 - WHOLE)
    assert lake.read("SELECT sum(linked_cost_usd), sum(margin_usd) FROM margin_daily").row(0) == (WHOLE, 2 - WHOLE)
    assert broken(lake) == {}


def test_a_cost_of_one_event_is_not_repeated(lake: Lake) -> None:
    story = Story()
    fill(lake, [[story.call(1), story.billed(2)]], rules("each"))
    assert events(lake) == [(WHOLE, 1 - WHOLE, False)]


def test_the_setting_takes_effect_with_relink(lake: Lake) -> None:
    story, split, each = Story(), rules("split"), rules("each")
    fill(lake, [[story.call(1), story.billed(2), story.billed(3)]], split)
    halves = events(lake)
    assert halves == [(WHOLE / 2, 1 - WHOLE / 2, False)] * 2
    assert relink(lake, each.events, each.price_again).margins == 2
    assert events(lake) == [(WHOLE, 1 - WHOLE, True)] * 2
    assert relink(lake, each.events, each.price_again) == Changes()
    relink(lake, replace(each.events, attribution="split"), each.price_again)
    assert events(lake) == halves


@pytest.mark.parametrize(
    ("trace_state", "weight"), [("", None), ("ot=th:0", Decimal(1)), ("ot=th:8", Decimal(2)), ("ot=th:c", Decimal(4))]
)
def test_a_sampled_call_stands_for_others(lake: Lake, trace_state: str, weight: Decimal | None) -> None:
    usage = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 0,
    }
    sent = span(usage, trace_id=b"\x01" * 16, span_id=b"\x01" * 8, trace_state=trace_state)
    fill(lake, [[traces(payload(sent, scope="app"))]], rules("split"))
    assert lake.read("SELECT sampling_weight, cost_usd FROM costs").row(0) == (weight, WHOLE)
    estimate = WHOLE * (weight or 1)
    daily = "SELECT unclaimed_cost_usd, estimated_cost_usd FROM margin_daily"
    assert lake.read(daily).row(0) == (WHOLE, estimate)
    by_model = "SELECT calls, estimated_calls, cost_usd, estimated_cost_usd FROM cost_by_model_daily"
    assert lake.read(by_model).row(0) == (1, weight or 1, WHOLE, estimate)
    assert lake.read("SELECT cost_usd, estimated_cost_usd FROM margin_monthly").row(0) == (WHOLE, estimate)
