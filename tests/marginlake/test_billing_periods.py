"""Tiers and fees in a lake: whatever comes, goes or changes, every event of the billing period earns what it should."""

from decimal import Decimal
from pathlib import Path

import pytest

from analytics import period_mates
from analytics.period_mates import settle_periods
from lake.connect import Lake
from marginlake.config import Config
from marginlake.rules import Rules, rules_from
from receiver.journal.record import Record
from tests.marginlake.lakes import broken, differences, fill, land_into, rest, tables
from tests.new_lakes import empty_lake

ENTRIES = (
    {"name": "pages", "event": "page", "tiers": [{"up_to": 2, "unit_price": "1"}, {"unit_price": "0.1"}]},
    {
        "name": "bulk",
        "event": "bulk",
        "tier_mode": "volume",
        "tiers": [{"up_to": 2, "unit_price": "1"}, {"unit_price": "0.1"}],
    },
    {"name": "seat", "event": "chat", "unit_price_usd": "0.5", "recurring_fee": "29", "spread": "events"},
)


@pytest.fixture(scope="module")
def rules() -> Rules:
    return rules_from(Config(revenue=ENTRIES), None)


@pytest.fixture
def lake(tmp_path: Path):  # type: ignore[no-untyped-def]
    empty_lake(tmp_path)
    with Lake.open(tmp_path, threads=1) as opened:
        yield opened


def posted(key: str, event: str, day: int = 1, customer: str = "acme", quantity: int = 1) -> Record:
    body = (
        f'{{"signals":[{{"eventName":"{event}","customer":{{"externalCustomerId":"{customer}"}},'
        f'"timestamp":"2026-11-{day:02}T12:00:00Z","idempotencyKey":"{key}","data":{{"quantity":{quantity}}}}}]}}'
    )
    return rest(body.encode())


def revenue(lake: Lake) -> list[Decimal]:
    """What the events earn, in their order."""
    found = lake.read("SELECT revenue_usd FROM event_margins JOIN signals USING (signal_id) ORDER BY idempotency_key")
    return found["revenue_usd"].to_list()


STORIES = {
    "a late event moves those after it up": (
        [posted("b", "page", 2, quantity=2), posted("c", "page", 3), posted("a", "page", 1)],
        ["1", "1.1", "0.1"],
    ),
    "a total that passes a bound makes all of them cheaper": (
        [posted("a", "bulk", 1), posted("b", "bulk", 2), posted("c", "bulk", 3)],
        ["0.1", "0.1", "0.1"],
    ),
    "other customers and other months are other periods": (
        [posted("a", "bulk"), posted("b", "bulk", customer="other"), posted("c", "bulk", 30), posted("d", "page")],
        ["1", "1", "1", "1"],
    ),
    "each event has its share of the fee": (
        [posted("a", "chat"), posted("b", "chat", 2), posted("c", "chat", 30)],
        None,
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_order_and_batches_change_nothing(lake: Lake, rules: Rules, story: str, tmp_path: Path) -> None:
    records, expected = STORIES[story]
    one_by_one = land_into(lake, [[record] for record in records], rules)
    if expected is not None:
        assert revenue(lake) == [Decimal(amount) for amount in expected]
    else:
        assert sum(revenue(lake)) == 29 + 3 * Decimal("0.5")
    assert settle_periods(lake, rules.events) == 0
    assert broken(lake) == {}
    empty_lake(tmp_path / "other")
    with Lake.open(tmp_path / "other", threads=1) as other:
        for batches in ([records], [[record] for record in reversed(records)]):
            assert differences(land_into(other, batches, rules), one_by_one) == []


def test_of_large_periods_the_rest_is_settled_a_moment_later(
    lake: Lake, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    records, expected = STORIES["a total that passes a bound makes all of them cheaper"]
    monkeypatch.setattr(period_mates, "MOST_AT_ONCE", 0)
    fill(lake, [[record] for record in records], rules)
    assert revenue(lake) == [Decimal(1), Decimal(1), Decimal("0.1")], "the newest knows all, the others do not yet"
    assert settle_periods(lake, rules.events) == 2
    assert revenue(lake) == [Decimal(amount) for amount in expected or []]
    settled = tables(lake)
    assert settle_periods(lake, rules.events) == 0
    assert differences(tables(lake), settled) == []


def test_margins_follow(lake: Lake, rules: Rules) -> None:
    fill(lake, [[posted("a", "bulk")], [posted("b", "bulk", 2), posted("c", "bulk", 3)]], rules)
    assert lake.read("SELECT count(*) FROM event_margins WHERE cost_usd IS NULL AND margin_usd IS NULL").item() == 3
