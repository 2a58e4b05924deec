"""The page on checkouts: what it sends is taken."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from billing.database import Database, url_in
from billing.migrate import migrate
from marginlake.cli import run
from marginlake.config import Config
from tests.billing.checkout.store import sell
from tests.billing.shop import open_shop
from tests.billing.xero.served_xero import CLIENT_ID, CLIENT_SECRET, served
from tests.billing.xero.test_export import customer, order, pay
from tests.docs.test_examples import ROOT, blocks

PAGE = ROOT / "docs" / "checkout.md"


def test_the_checkout_of_the_page_is_made(tmp_path: Path):
    (shown,) = blocks(PAGE, "json")
    with open_shop(tmp_path) as shop:
        body = json.loads(shown) | {"products": [{"id": sell(shop)["product"]}]}
        made = shop.api.post("/checkouts/", json=body)
    assert made.status_code == 200, made.text
    assert made.json()["externalCustomerId"] == "acme"


def test_the_settings_for_xero_are_settings():
    (text,) = [block for block in blocks(PAGE, "toml") if "xero" in block]
    settings = Config.model_validate(tomllib.loads(text))
    assert settings.billing.xero.default_account == "200"


def test_the_export_to_xero_says_what_the_page_shows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    (shown,) = [block for block in blocks(PAGE, "console") if "marginlake xero" in block]
    _, dry, real = re.split(r"^\$ marginlake xero.*\n", shown, flags=re.MULTILINE)
    database = Database(url_in(tmp_path))
    migrate(database)
    database.close()
    (text,) = [block for block in blocks(PAGE, "toml") if "xero" in block]
    text = re.sub("(client_id = ).*", f'\\1"{CLIENT_ID}"', text)
    (tmp_path / "marginlake.toml").write_text(re.sub("(client_secret = ).*", f'\\1"{CLIENT_SECRET}"', text))
    with open_shop(tmp_path) as shop, served(monkeypatch):
        store = sell(shop)
        first, _ = (order(shop, store, customer(shop, name)) for name in ("Ada GmbH", "Bob Ltd"))
        pay(shop, first, 4900)
        assert run(["xero", "--data", str(tmp_path), "--dry-run"]) == 0
        assert capsys.readouterr().out == dry
        assert run(["xero", "--data", str(tmp_path)]) == 0
        assert capsys.readouterr().out == real
