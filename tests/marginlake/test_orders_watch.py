"""What events earn follows the orders while the service runs; settings and orders stand side by side."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing.context import Billing
from lake.connect import Lake
from marginlake.adoption import adopt, rules_in
from marginlake.config import Config
from marginlake.orders_watch import OrdersWatch
from tests.analytics.stories import Story
from tests.billing.orders import goods
from tests.billing.shop import Shop, open_shop
from tests.marginlake.lakes import fill

WHO = {"customer": "acme", "product": "bot"}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path) as opened:
        yield opened


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    story = Story()
    fill(tmp_path, [[story.call(1), story.billed(2, "chat_message", **WHO), story.billed(3, "report", **WHO)]])
    with Lake.open(tmp_path, threads=1) as opened:
        yield opened


def revenue(lake: Lake) -> dict[str, Decimal | None]:
    return dict(lake.read("SELECT event_name, revenue_usd FROM event_margins").iter_rows())


def test_an_order_changes_what_its_customers_events_earn_and_settings_stay(shop: Shop, lake: Lake, tmp_path: Path):
    config = Config(revenue=({"name": "reports", "event": "report", "unit_price_usd": "2"},))
    adopt(lake, config, rules_in(lake, config, tmp_path))
    told: list[Sequence[Mapping[str, Any]]] = []

    def earn_by(orders: Sequence[Mapping[str, Any]]) -> int:
        told.append(orders)
        return adopt(lake, config, rules_in(lake, config, tmp_path, orders))

    watch = OrdersWatch(Billing(shop.database, clock=shop.clock), earn_by)
    watch.follow()
    assert told == []
    since = lake.read("SELECT min(occurred_at) FROM signals").item()
    shop.clock.now = since + timedelta(days=3)
    bot = goods.product(shop, goods.usage(25, "chat_message"))
    goods.order(shop, goods.customer(shop), bot["id"], (since - timedelta(days=1)).isoformat())

    watch.follow()
    watch.follow()

    assert len(told) == 1
    assert revenue(lake) == {"chat_message": Decimal("0.25"), "report": Decimal(2)}
    # commands that know nothing of the business keep what the orders said
    adopt(lake, config, rules_in(lake, config, tmp_path))
    assert revenue(lake) == {"chat_message": Decimal("0.25"), "report": Decimal(2)}
