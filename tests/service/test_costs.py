"""`POST /costs/bulk` on the real service: exact, all or nothing, once, and settled with everything else."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.service.running import Service, healthy, marginlake, sql, wait_for

ACME = {"externalCustomerId": "acme"}
SETTINGS = '[[pricing.fx]]\ncurrency = "EUR"\nusd = "1.25"\n'
ROWS = (
    "SELECT source, customer_id, product_id, provider, request_model, status, input_tokens, cache_read_tokens, "
    "output_tokens, cost_usd FROM costs ORDER BY cost_usd"
)


def figure(amount: float | str, **more: Any) -> dict[str, Any]:
    return {"type": "cost", "customer": ACME, "amount": amount, "currency": "USD", "vendor": "search"} | more


def usage(**more: Any) -> dict[str, Any]:
    counts = {"inputTokens": 1000, "cacheReadInputTokens": 200, "outputTokens": 300}
    return {"type": "usage", "customer": ACME, "vendor": "openai", "model": "gpt-4o", "usage": counts} | more


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("costs") / "data", SETTINGS) as running:
        yield running


@pytest.fixture
def api(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{service.http}/api/v2", timeout=60) as client:
        yield client


def send(api: httpx.Client, *costs: dict[str, Any]) -> httpx.Response:
    return api.post("/costs/bulk", json={"costs": list(costs)})


def test_figures_and_usage_become_costs_of_the_customer(service: Service, api: httpx.Client):
    answer = send(
        api,
        figure("0.250000000001", product={"externalProductId": "bot"}, idempotencyKey="a"),
        figure(2, currency="EUR"),
        usage(idempotencyKey="b"),
        usage(model="in-house", costOverride={"amount": 0.5, "currency": "USD"}, metadata={"team": "red"}),
    )

    assert (answer.status_code, answer.json()) == (200, {"ingested": 4, "duplicates": 0}), answer.text
    wait_for(service.data_dir, "SELECT count(*) FROM costs", 4)
    rows = [tuple(row.values()) for row in sql(service.data_dir, ROWS)]
    none = (None, None, None)
    assert rows == [
        ("api", "acme", None, "openai", "gpt-4o", "priced", 1200, 200, 300, "0.005750000000"),
        ("api", "acme", "bot", "search", None, "reported", *none, "0.250000000001"),
        ("api", "acme", None, "openai", "in-house", "reported", *none, "0.500000000000"),
        ("api", "acme", None, "search", None, "reported", *none, "2.500000000000"),
    ]
    kept = sql(service.data_dir, "SELECT attributes FROM spans WHERE attributes::VARCHAR LIKE '%red%'")[0]["attributes"]
    attributes = json.loads(kept) if isinstance(kept, str) else kept
    assert attributes["metadata.team"] == "red"
    assert attributes["stated.marginlake.cost.output_tokens"] == 300

    again = send(
        api, figure("0.250000000001", idempotencyKey="a"), usage(idempotencyKey="b"), figure(1, idempotencyKey="c")
    )
    assert again.json() == {"ingested": 1, "duplicates": 2}
    twice = send(api, figure(1, idempotencyKey="d"), figure(1, idempotencyKey="d"))
    assert twice.json() == {"ingested": 1, "duplicates": 1}
    wait_for(service.data_dir, "SELECT sum(cost_usd) FROM costs", Decimal("5.255750000001"))
    healthy(service.data_dir)
    assert marginlake("relink", "--data", str(service.data_dir)).returncode == 0
    assert sql(service.data_dir, "SELECT sum(cost_usd) AS s, count(*) FILTER (source = 'api') AS n FROM costs") == [
        {"s": "5.255750000001", "n": 6}
    ]


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        (usage(model="no-such-model"), "costs[1]: no price for openai/no-such-model"),
        (figure(1, currency="JPY"), "costs[1]: no exchange rate of JPY"),
        (figure(0), "costs[1].cost.amount: Input should be greater than 0"),
        (figure(-1), "costs[1].cost.amount"),
        (figure("1e-13"), "costs[1]: 1E-13 USD is too small or too large"),
        (figure(1, customer={}), "needs externalCustomerId or customerId"),
        (figure(1, timestamp="2026-01-01T00:00:00"), "costs[1].cost.timestamp: must have a zone"),
        ({"type": "other", "customer": ACME}, "costs[1]"),
        (usage(usage={"inputTokens": -1}), "costs[1].usage.usage.inputTokens"),
    ],
)
def test_one_bad_record_fails_the_batch_and_nothing_is_kept(
    service: Service, api: httpx.Client, wrong: dict[str, Any], part: str
):
    before = sql(service.data_dir, "SELECT count(*) AS n FROM spans WHERE customer_id = 'nobody'")

    answer = send(api, figure(1, customer={"externalCustomerId": "nobody"}, idempotencyKey="never"), wrong)

    assert answer.status_code == 400
    assert part in answer.json()["details"]
    assert sql(service.data_dir, "SELECT count(*) AS n FROM spans WHERE customer_id = 'nobody'") == before


def test_nothing_is_something_too(api: httpx.Client):
    assert send(api).json() == {"ingested": 0, "duplicates": 0}


def test_figures_are_refused_where_the_operator_trusts_none(tmp_path: Path):
    with (
        Service(tmp_path / "data", '[pricing]\ntrust_reported = "never"\n') as service,
        httpx.Client(base_url=f"http://{service.http}/api/v2", timeout=60) as api,
    ):
        refused = send(api, figure(1))
        assert (refused.status_code, send(api, usage()).status_code) == (400, 200)
        assert "pricing.trust_reported is never" in refused.json()["details"]
