"""The real service takes the signals of old clients, shows them to new ones, and to SQL beside its business."""

from pathlib import Path

import httpx

from tests.service.running import Service, sql, wait_for

OLD = {"signals": [{"event_name": "e", "external_customer_id": "acme", "agent_id": "bot", "idempotency_key": "k"}]}


def test_old_signals_are_signals(tmp_path: Path):
    data = tmp_path / "data"
    with Service(data) as service, httpx.Client(base_url=f"http://{service.http}/api", timeout=30) as client:
        assert client.post("/v1/usage/signals/bulk", json=OLD).json() == {"ingested": 1, "duplicates": 0, "failed": 0}
        assert client.post("/v1/usage/signals/bulk", json=OLD).json()["duplicates"] == 1
        wait_for(data, "SELECT count(*) FROM signals", 1)
        (shown,) = client.get("/v2/signals/", params={"externalCustomerId": "acme"}).json()["data"]
        assert (shown["name"], shown["externalCustomerId"], shown["externalProductId"]) == ("e", "acme", "bot")
        assert client.get(f"/v2/signals/{shown['id']}").json() == shown
        assert client.get("/v1/traces").json()["traces"] == []
        assert isinstance(client.get("/v1/nowhere").json()["error"], dict)

        joined = "SELECT c.name, s.event_name FROM signals s JOIN billing.customers c ON c.external_id = s.customer_id"
        assert sql(data, joined) == [{"name": "acme", "event_name": "e"}]
