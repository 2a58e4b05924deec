"""The real service with its business on Postgres: credits, analytics, SQL and doctor, beside each other."""

import json
from pathlib import Path

import httpx

from billing.context import Billing
from billing.database import FILE
from marginlake.business import open_database
from marginlake.config import BillingConfig, Config
from tests.billing.metering.on_sale import currency, grant, message, order
from tests.billing.postgres import new_database, postgres
from tests.billing.shop import FixedClock, Shop
from tests.new_lakes import empty_lake
from tests.service.running import Service, marginlake, wait_for

__all__ = ["postgres"]

SIGNAL = {
    "eventName": "chat_message",
    "customer": {"externalCustomerId": "acme"},
    "attribution": {"externalProductId": "bot"},
}
BY_CUSTOMER = """
    SELECT c.external_id, count(*)::INT AS events, any_value(s.event_name) AS event
    FROM fact_signal s JOIN dim_customer c ON c.customer_id = s.customer_id GROUP BY ALL
"""


def on_sale(data: Path, url: str) -> None:
    """Before the service runs: a customer with 1000 credits, one a `chat_message`."""
    data.mkdir()
    database = open_database(data, Config(billing=BillingConfig(url=url)))  # type: ignore[arg-type]
    shop = Shop(Billing(database), FixedClock(), None)  # type: ignore[arg-type]
    chat = currency(shop)
    order(shop, "acme", message(chat), product="bot")
    grant(shop, "acme", chat, 1000)
    database.close()


def test_the_business_on_postgres(postgres: str, tmp_path: Path):
    data, settings, url = tmp_path / "data", tmp_path / "data.toml", new_database(postgres)
    on_sale(data, url)
    with Service(data, f'[billing]\nurl = "{url}"\n') as service:
        with httpx.Client(base_url=f"http://{service.http}/api/v2", timeout=30) as client:
            assert client.post("/signals/bulk", json={"signals": [SIGNAL] * 3}).status_code == 200
            (balance,) = client.get("/customers/external/acme/credits/balances").json()["data"]
            assert balance["available"] == 997
            wait_for(data, "SELECT count(*) FROM signals", 3)

            answer = client.post("/analytics/query", json={"query": BY_CUSTOMER}).json()
            assert answer["rows"] == [["acme", 3, "chat_message"]]
            views = client.get("/analytics/schema").json()["views"]
            for name in [view["name"] for view in views]:
                found = client.post("/analytics/query", json={"query": f"SELECT * FROM {name}"})
                assert found.status_code == 200, found.text

        joined = """
            SELECT c.name, s.event_name, sum(d.amount_micro)::BIGINT AS micro
            FROM signals s JOIN billing.credit_debits d USING (signal_id)
            JOIN billing.customers c ON c.id = d.customer_id GROUP BY ALL
        """
        told = marginlake("sql", joined, "--data", str(data), "--config", str(settings), "--format", "json")
        assert (told.returncode, told.stderr) == (0, "")
        assert json.loads(told.stdout) == [{"name": "acme", "event_name": "chat_message", "micro": 3_000_000}]
        checked = marginlake("doctor", "--data", str(data), "--config", str(settings))
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert "credits: the ledger adds up" in checked.stdout
    assert not (data / FILE).exists()
    assert "Traceback" not in service.log


def test_a_server_that_is_gone_is_said_in_a_line(tmp_path: Path):
    """By every command that needs it, and never with the password."""
    data, settings = tmp_path / "data", tmp_path / "data.toml"
    data.mkdir()
    settings.write_text('[billing]\nurl = "postgresql://shop:sesame@127.0.0.1:1/none"\n')
    empty_lake(data)
    for command in (["sql", "FROM billing.customers"], ["doctor"], ["serve"]):
        told = marginlake(*command, "--data", str(data), "--config", str(settings))
        said = told.stdout + told.stderr
        assert told.returncode == 1, said
        assert "127.0.0.1" in said
        assert "sesame" not in said
        assert "Traceback" not in said
