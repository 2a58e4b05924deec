"""The business in SQL: every table is there, and no secret is."""

import json
from pathlib import Path

import pytest

from billing.sql_views import columns_to_read
from billing.tables import Base
from lake.connect import Lake
from marginlake.commands.sql import sql
from tests.billing.shop import open_shop
from tests.new_lakes import copied_when_new


def test_tables_are_complete_but_for_their_secrets() -> None:
    shown = columns_to_read()
    assert set(shown) == set(Base.metadata.tables)
    hidden = {(name, column.name) for name, table in Base.metadata.tables.items() for column in table.columns} - {
        (name, column) for name, columns in shown.items() for column in columns
    }
    assert {("api_keys", "digest"), ("webhook_secrets", "secret")} <= hidden
    assert all(
        column.key in mapper.class_.__secret__
        for mapper in Base.registry.mappers
        for column in mapper.column_attrs
        if (mapper.local_table.name, column.columns[0].name) in hidden  # type: ignore[attr-defined]
    )


def test_the_command_reads_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Beside a business that is in use, in the types that they mean."""
    with copied_when_new(), Lake.open(tmp_path, threads=1):
        pass
    with open_shop(tmp_path) as shop:
        shop.api.post("/customers", json={"name": "Acme", "externalId": "acme", "metadata": {"tier": 1}})
        shop.api.post("/keys", json={"name": "k", "scopes": ["read"]})
        query = """
            SELECT c.name, c.created_at, c.auto_created, c.metadata->>'tier' AS tier, k.hint IS NOT NULL AS has_key
            FROM billing.customers c, Billing.api_keys k
        """
        assert sql(query, data=tmp_path, format="json") == 0
    assert json.loads(capsys.readouterr().out) == [
        {
            "name": "Acme", "created_at": "2026-03-15T12:00:00+00:00", "auto_created": False, "tier": "1",
            "has_key": True,
        }
    ]  # fmt: skip


def test_every_view_can_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with copied_when_new(), Lake.open(tmp_path, threads=1):
        pass
    with open_shop(tmp_path):
        union = " UNION ALL ".join(f'SELECT count(*) AS n FROM billing."{table}"' for table in columns_to_read())
        assert sql(f"SELECT sum(n)::INT AS n FROM ({union})", data=tmp_path, format="json") == 0
    assert json.loads(capsys.readouterr().out) == [{"n": 0}]
