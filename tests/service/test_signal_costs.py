"""`data.costData` on the real service: by REST, by the first API and as OTLP spans, once, beside what spans cost."""

import json
from pathlib import Path
from typing import Any

import httpx

from tests.receiver.otlp_payloads import START_NS, payload, span
from tests.service.running import Service, healthy, marginlake, sql, wait_for

SETTINGS = '[[pricing.fx]]\ncurrency = "EUR"\nusd = "1.25"\n[[revenue]]\nname = "all"\nunit_price_usd = "1"\n'
IDENTITY = {"external_customer_id": "acme", "external_agent_id": "bot"}
CLAUDE = {
    "vendor": "anthropic",
    "attributes": {
        "gen_ai.response.model": "claude-sonnet-4-5", "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.cached_input_tokens": 200, "gen_ai.usage.output_tokens": 300,
    },
}  # fmt: skip
EVENTS = """
SELECT m.event_name, m.customer_id, m.product_id, s.source, m.cost_usd, m.margin_usd, m.cost_status
FROM event_margins m JOIN signals s USING (signal_id) ORDER BY m.event_name
"""


def figure(amount: float | str, currency: str = "USD") -> dict[str, Any]:
    return {"vendor": "search", "cost": {"amount": amount, "currency": currency}}


def signal(name: str, cost_data: object) -> dict[str, Any]:
    return {
        "eventName": name, "customer": {"externalCustomerId": "acme"}, "attribution": {"externalProductId": "bot"},
        "idempotencyKey": name, "data": {"costData": cost_data},
    }  # fmt: skip


def in_a_span(name: str, number: int, cost_data: object, *, traced: bool) -> Any:
    said = {"event_name": name, "data": json.dumps({"costData": cost_data}), "enable_cost_tracing": traced}
    return span(
        said | IDENTITY, trace_id=bytes([number]) * 16, span_id=b"\2" * 8, name="paid.trace.signal", start_ns=START_NS
    )


def test_an_event_costs_what_it_states_whatever_way_it_comes(tmp_path: Path) -> None:
    call = {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100,
    }  # fmt: skip
    chat = span(call | IDENTITY, trace_id=b"\7" * 16, span_id=b"\1" * 8, name="chat", start_ns=START_NS)
    spans = payload(
        chat, in_a_span("e otlp", 7, figure(0.5), traced=True), in_a_span("f otlp usage", 8, CLAUDE, traced=False)
    )
    posted = {
        "signals": [
            signal("a rest", figure("0.250000000001")),
            signal("b rest usage", CLAUDE),
            signal("c rest euro", figure(0.1, "EUR")),
            signal("g unusable", figure("much")),
        ]
    }
    first = {
        "event_name": "d first", "external_customer_id": "acme", "external_agent_id": "bot", "idempotency_key": "d",
        "data": {"costData": figure(0.002)},
    }  # fmt: skip

    with (
        Service(tmp_path / "data", SETTINGS) as service,
        httpx.Client(base_url=f"http://{service.http}", timeout=60) as client,
    ):
        data = service.data_dir
        for again in (False, True):
            answers = [
                client.post("/api/v2/signals/bulk", json=posted),
                client.post("/api/v1/usage/signals/bulk", json={"signals": [first]}),
                client.post("/v1/traces", content=spans, headers={"content-type": "application/x-protobuf"}),
            ]
            assert [answer.status_code for answer in answers] == [200, 200, 200]
            assert answers[0].json() == {"ingested": 0 if again else 4, "duplicates": 4 if again else 0, "failed": 0}
            wait_for(data, "SELECT count(*) FROM event_margins", 7)
        assert client.post("/api/v2/signals/bulk", json={"signals": [signal("last", None)]}).status_code == 200
        wait_for(data, "SELECT count(*) FROM event_margins", 8)

        rows = [tuple(row.values()) for row in sql(data, EVENTS)]
        acme, known = ("acme", "bot"), "complete"
        assert rows == [
            ("a rest", *acme, "api", "0.250000000001", "0.749999999999", known),
            ("b rest usage", *acme, "api", "0.007560000000", "0.992440000000", known),
            ("c rest euro", *acme, "api", "0.125000000000", "0.875000000000", known),
            ("d first", *acme, "api", "0.002000000000", "0.998000000000", known),
            ("e otlp", *acme, "otlp", "0.500210000000", "0.499790000000", known),
            ("f otlp usage", *acme, "otlp", "0.007560000000", "0.992440000000", known),
            ("g unusable", *acme, "api", None, None, "unpriced"),
            ("last", *acme, "api", None, None, "untraced"),
        ]
        reasons = sql(data, "SELECT rate_note FROM costs WHERE status = 'unpriced'")
        assert reasons == [{"rate_note": "costData: cost.amount is no number"}]
        total = "SELECT sum(cost_usd) AS usd, count(*) FILTER (source = 'signal') AS stated FROM costs"
        expected = [{"usd": "0.892330000001", "stated": 7}]
        assert sql(data, total) == expected
        for job in ("relink", "reprice", "backfill"):
            assert marginlake(job, "--data", str(data)).returncode == 0
        assert sql(data, total) == expected
        assert [tuple(row.values()) for row in sql(data, EVENTS)] == rows
        healthy(data)
