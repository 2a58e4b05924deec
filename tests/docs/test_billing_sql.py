"""Every query of docs/billing-sql.md is run, on a lake and a business that are in use."""

import json
from pathlib import Path

import pytest

from lake.connect import Lake
from marginlake.commands.sql import sql
from tests.billing.shop import open_shop
from tests.docs.test_examples import ROOT, blocks
from tests.lake.rows import NOON
from tests.new_lakes import copied_when_new

QUERIES = blocks(ROOT / "docs" / "billing-sql.md", "sql")


def test_every_query_answers_what_it_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ("acme", "old-acme", "nobody")
    with copied_when_new(), Lake.open(tmp_path, threads=1) as lake, open_shop(tmp_path) as shop:
        values = ", ".join(
            f"('s{n}', 'e', '{name}', TIMESTAMPTZ '{NOON}', {n}, 1, 'priced')" for n, name in enumerate(names, 1)
        )
        columns = "signal_id, event_name, customer_id, occurred_at, revenue_usd, cost_usd, cost_status"
        with lake.durable_transaction() as connection:
            connection.execute(f"INSERT INTO event_margins ({columns}) VALUES {values}")
        customer = shop.api.post("/customers", json={"name": "Acme Inc", "externalId": "acme"}).json()["id"]
        shop.api.post(f"/customers/{customer}/aliases", json={"alias": "old-acme"})
        shop.api.post("/credits/currencies", json={"name": "Tokens", "key": "tokens"})
        grant = {"creditCurrencyKey": "tokens", "amount": 1.5}
        assert shop.api.post(f"/customers/{customer}/credits/grants", json=grant).status_code == 200

        answers = []
        for query in QUERIES:
            assert sql(query, data=tmp_path, format="json") == 0
            answers.append(json.loads(capsys.readouterr().out))

    margins, grants, columns_there = answers
    assert [(row["customer"], float(row["revenue"]), float(row["cost"])) for row in margins] == [
        ("Acme Inc", 3, 2), ("nobody", 3, 1),
    ]  # fmt: skip
    assert [(row["name"], row["currency"], float(row["credits"])) for row in grants] == [("Acme Inc", "tokens", 1.5)]
    assert {"table_name": "customers", "column_name": "name", "data_type": "VARCHAR"} in columns_there
    names_there = {(row["table_name"], row["column_name"]) for row in columns_there}
    assert ("api_keys", "hint") in names_there
    assert not names_there & {("api_keys", "digest"), ("webhook_secrets", "secret"), ("checkouts", "token")}
