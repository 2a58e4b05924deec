"""`marginlake xero`: what is posted, voided and paid goes to Xero, over HTTP, by its own client library."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from billing.database import Database, url_in
from billing.migrate import migrate
from billing.xero import official
from tests.billing.checkout.store import sell
from tests.billing.shop import Shop, open_shop
from tests.billing.xero.served_xero import CLIENT_ID, CLIENT_SECRET, Served, served
from tests.billing.xero.test_export import customer, order, pay
from tests.marginlake.conftest import Answer

Cli = Callable[..., Answer]

SETTINGS = f"""
[billing.xero]
client_id = "{CLIENT_ID}"
client_secret = "{CLIENT_SECRET}"
payment_account = "090"
accounts = {{}}
"""


@pytest.fixture
def xero(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    with served(monkeypatch) as running:
        yield running


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A business in `tmp_path` with the settings for Xero, as a service leaves it."""
    database = Database(url_in(tmp_path))
    migrate(database)
    database.close()
    (tmp_path / "marginlake.toml").write_text(SETTINGS)
    with open_shop(tmp_path) as opened:
        yield opened


def test_posted_and_paid_invoices_go_once(cli: Cli, shop: Shop, xero: Served, tmp_path: Path):
    store = sell(shop)
    ada, bob = customer(shop), customer(shop, "Bob Ltd")
    paid, _ = order(shop, store, ada), order(shop, store, bob)
    pay(shop, paid, 4900)

    before = cli("xero", "--data", tmp_path, "--dry-run")
    assert (before.code, xero.tokens) == (0, 0)
    assert before.out == "would send: 2 invoices: 1, 2\nwould void: 0 invoices\nwould record: 1 payments\n"

    first = cli("xero", "--data", tmp_path)
    assert (first.code, first.err) == (0, "")
    assert first.out == "sent: 2 invoices, 0 voided, 1 payments\n"
    assert {each["Contact"]["ContactID"] for each in xero.xero.invoices.values()} == set(xero.xero.contacts)
    assert [payment["Amount"] for payment in xero.xero.payments] == [49]

    again = cli("xero", "--data", tmp_path)
    assert (again.code, again.out) == (0, "sent: 0 invoices, 0 voided, 0 payments\n")
    assert len(xero.xero.payments) == 1


def test_what_xero_refuses_is_told_and_tried_again(cli: Cli, shop: Shop, xero: Served, tmp_path: Path):
    store = sell(shop)
    invoice = order(shop, store, customer(shop))
    xero.xero.refusing.add("200")

    refused = cli("xero", "--data", tmp_path)
    assert (refused.code, refused.out) == (1, "sent: 0 invoices, 0 voided, 0 payments\n")
    reason = "Account code '200' is not a valid code for this document."
    assert refused.err.splitlines()[-1] == f"marginlake: xero refused {invoice}: {reason}"

    (tmp_path / "marginlake.toml").write_text(SETTINGS.replace("{}", f'{{ {store["product"]} = "260" }}'))
    assert cli("xero", "--data", tmp_path).out == "sent: 1 invoices, 0 voided, 0 payments\n"


def test_a_minute_that_is_full_is_waited_for(
    cli: Cli, shop: Shop, xero: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    waits: list[float] = []
    monkeypatch.setattr(official.time, "sleep", waits.append)
    order(shop, sell(shop), customer(shop))
    xero.busy, xero.wait = 2, "37"

    assert cli("xero", "--data", tmp_path).out == "sent: 1 invoices, 0 voided, 0 payments\n"
    assert waits == [37, 37]


def test_a_day_that_is_full_is_not_waited_for(cli: Cli, shop: Shop, xero: Served, tmp_path: Path):
    order(shop, sell(shop), customer(shop))
    xero.busy, xero.wait = 1, "43000"

    assert cli("xero", "--data", tmp_path).code == 1
    assert cli("xero", "--data", tmp_path).code == 0


def test_a_token_is_asked_for_again_before_it_ends(cli: Cli, shop: Shop, xero: Served, tmp_path: Path):
    order(shop, sell(shop), customer(shop))
    xero.lifetime = 80

    assert cli("xero", "--data", tmp_path).code == 0
    assert xero.tokens > 2


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ("", "billing.xero: client_id and client_secret are needed: those of a custom connection of Xero"),
        (SETTINGS.replace(CLIENT_SECRET, "another"), "xero: invalid_client"),
    ],
)
def test_without_a_connection_nothing_is_sent(
    cli: Cli, shop: Shop, xero: Served, tmp_path: Path, settings: str, complaint: str
):
    order(shop, sell(shop), customer(shop))
    (tmp_path / "marginlake.toml").write_text(settings)

    answer = cli("xero", "--data", tmp_path)

    assert (answer.code, answer.complaint) == (1, complaint)
    assert not xero.xero.invoices


def test_a_connection_is_for_one_organisation(cli: Cli, shop: Shop, xero: Served, tmp_path: Path):
    order(shop, sell(shop), customer(shop))
    xero.connections = 2

    answer = cli("xero", "--data", tmp_path)

    assert (answer.code, answer.complaint) == (1, "xero: the connection is for 2 organisations, and must be for one")


def test_no_data_directory_is_told(cli: Cli, tmp_path: Path):
    answer = cli("xero", "--data", tmp_path / "none")

    assert (answer.code, answer.complaint) == (1, f"{tmp_path / 'none'}: no data directory")
