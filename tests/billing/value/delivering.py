"""A shop beside a real lake: events come in, the value model of the API is followed, receipts are asked for."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from billing.api.app import create_api
from billing.api.public import create_public
from lake.connect import Lake
from marginlake.adoption import catch_up, rules_in
from marginlake.config import Config
from marginlake.landing import land
from marginlake.pipeline import prepare_or_reject
from marginlake.rules import Rules
from marginlake.value_watch import ValueWatch
from tests.billing.shop import Shop, open_shop
from tests.marginlake.lakes import rest


class Delivery:
    """`shop.api` and `public` speak to the routes. What arrives is valued as the running service does it."""

    def __init__(self, shop: Shop, public: TestClient, lake: Lake, config: Config) -> None:
        self.shop = shop
        self.api = shop.api
        self.public = public
        self.lake = lake
        self.rules: Rules = rules_in(lake, config, None)
        self._watch = ValueWatch(lake, config, lake.data_dir, shop.billing, lambda: self.rules, self._use)
        self._landed = 0

    def arrive(self, *events: tuple[str, str, dict[str, Any], str], product: str | None = None) -> None:
        """Events (customer, event name, data, time) by REST, landed."""
        self._landed += 1
        attribution = {} if product is None else {"attribution": {"externalProductId": product}}
        said = [
            {"eventName": name, "customer": {"externalCustomerId": customer}, "data": data, "timestamp": at,
             "idempotencyKey": f"{self._landed}-{place}", **attribution}
            for place, (customer, name, data, at) in enumerate(events)
        ]  # fmt: skip
        prepared = prepare_or_reject([rest(json.dumps({"signals": said}).encode())], (), self.rules)
        land(self.lake, prepared, self.rules, "test", self._landed)

    def follow(self) -> int:
        """Take up what the API changed; how many events are worth something else now."""
        return catch_up(self.lake, self.rules) if self._watch.follow() else 0

    def _use(self, rules: Rules) -> None:
        self.rules = rules


@contextmanager
def delivery(folder: Path, config: Config | None = None) -> Iterator[Delivery]:
    """A new one in an empty folder."""
    with Lake.open(folder / "lake", threads=1) as lake, open_shop(folder) as shop:
        billing = replace(shop.billing, lake=lake, lake_dir=lake.data_dir)
        with TestClient(create_api(billing)) as api, TestClient(create_public(billing)) as public:
            yield Delivery(Shop(billing, shop.clock, api), public, lake, config or Config())
