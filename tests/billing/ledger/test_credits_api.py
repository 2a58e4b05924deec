"""Credits over the API: balances, grants by hand, transactions, pending consumption."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from billing.api.app import create_api
from billing.audit import acting_as
from billing.ledger.debits import Debit, debit
from billing.ledger.grants import Grant, open_grant, void_grant
from billing.tables.audit import AuditEntry
from tests.billing.shop import NOW, Shop

CREDIT = 10**6
CHAT = {"name": "Chat credits", "key": "chat_credits"}


@pytest.fixture
def acme(either: Shop) -> Shop:
    """A customer `acme` and the currency `chat_credits`."""
    shop = either
    shop.api.post("/customers/", json={"name": "Acme", "externalId": "acme"})
    shop.api.post("/credits/currencies", json=CHAT)
    return shop


def ids(shop: Shop) -> tuple[str, str]:
    customer = shop.api.get("/customers/external/acme").json()["id"]
    return customer, shop.api.get("/credits/currencies").json()["data"][0]["id"]


def give(shop: Shop, amount: object, **more: object) -> dict[str, object]:
    body = {"creditCurrencyKey": "chat_credits", "amount": amount} | more
    answer = shop.api.post("/customers/external/acme/credits/grants", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def burn(shop: Shop, signal_id: str, amount: int, **about: object) -> None:
    customer, currency = ids(shop)
    each = Debit(**({"signal_id": signal_id, "customer_id": customer, "currency_id": currency, "amount_micro": amount,
                     "occurred_at": shop.clock(), "event_name": "chat"} | about))  # fmt: skip
    shop.database.write(lambda session: debit(session, [each], shop.clock()))


def balance(shop: Shop) -> dict[str, object]:
    return shop.api.get("/customers/external/acme/credits/balances").json()["data"][0]


def lines(shop: Shop, **only: object) -> list[dict[str, object]]:
    return shop.api.get("/credits/transactions", params=only).json()["data"]


def test_a_grant_by_hand_is_spendable_at_once(acme: Shop):
    customer, currency = ids(acme)

    made = give(acme, 500.25)

    assert made == {
        "created": True,
        "customer": {"id": customer, "externalId": "acme"},
        "creditCurrency": {"key": "chat_credits", "name": "Chat credits"},
        "grant": {
            "amount": 500,
            "amountDecimal": "500.25",
            "startsAt": "2026-03-15T12:00:00.000Z",
            "status": "active",
        },
        "createdAt": "2026-03-15T12:00:00.000Z",
    }
    burn(acme, "s1", CREDIT)
    assert balance(acme) == {
        "creditsCurrencyId": currency,
        "currencyName": "Chat credits",
        "currencyKey": "chat_credits",
        "available": 499.25,
        "used": 1,
        "total": 500.25,
        "periodStart": "2026-03-15T12:00:00.000Z",
        "recipient": "organization",
        "grants": [
            {
                "available": 499.25,
                "used": 1,
                "total": 500.25,
                "periodStart": "2026-03-15T12:00:00.000Z",
                "isInRolloverWindow": False,
            }
        ],
    }
    by_id = acme.api.get(f"/customers/{customer}/credits/balances/").json()["data"]
    assert by_id == [balance(acme)]


def test_the_same_request_sent_again_makes_one_grant(acme: Shop):
    customer, _ = ids(acme)
    path = f"/customers/{customer}/credits/grants"
    body = {"creditCurrencyKey": "chat_credits", "amount": 100}

    first = acme.api.post(path, json=body, headers={"Idempotency-Key": "top-up-1"}).json()
    acme.clock.forward(minutes=1)
    again = acme.api.post(path, json=body, headers={"Idempotency-Key": "top-up-1"}).json()
    other = acme.api.post(path, json=body | {"amount": 200}, headers={"Idempotency-Key": "top-up-1"})

    assert (first["created"], again["created"]) == (True, False)
    assert again["grant"] == first["grant"]
    assert (other.status_code, other.json()["details"]) == (400, "Idempotency-Key: was used for another grant")
    assert balance(acme)["total"] == 100
    acme.api.post(path, json=body)
    acme.api.post(path, json=body)
    assert balance(acme)["total"] == 300


def test_who_gave_credits_by_hand_is_on_record(acme: Shop):
    with acting_as("key_ops"):
        give(acme, 12)

    with acme.database.read() as session:
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.object_type == "credit_grants"))
    assert (entry.actor, entry.action, entry.before) == ("key_ops", "create", None)
    assert entry.after["amount_micro"] == 12 * CREDIT


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"amount": 0}, 400, "amount: "),
        ({"amount": -1}, 400, "amount: "),
        ({"amount": 0.0000001}, 400, "amount: "),
        ({"amount": 1e300}, 400, "amount: "),
        ({"amount": "NaN"}, 400, "amount: "),
        ({"amount": True}, 400, "amount: "),
        ({"creditCurrencyKey": "none"}, 404, "no credit currency 'none'"),
        ({"startsAt": "2026-03-15T12:00:01Z"}, 400, "startsAt: must not be after now"),
        ({"startsAt": "0001-01-01T00:00:00+14:00"}, 400, "startsAt: "),
        ({"startsAt": "2026-03-15T12:00:00"}, 400, "startsAt: must have a zone"),
        ({"expiresAt": "2026-03-15T12:00:00Z"}, 400, "expiresAt: must be after startsAt"),
    ],
)
def test_a_grant_that_makes_no_sense_is_refused(acme: Shop, body: dict[str, object], status: int, said: str):
    whole = {"creditCurrencyKey": "chat_credits", "amount": 1} | body

    answer = acme.api.post("/customers/external/acme/credits/grants", json=whole)

    assert (answer.status_code, answer.json()["details"][: len(said)]) == (status, said)
    assert acme.api.get("/customers/external/acme/credits/balances").json() == {"data": []}


def test_an_archived_currency_is_granted_no_more_and_still_meters(acme: Shop):
    give(acme, 10)
    _, currency = ids(acme)
    acme.api.put(f"/credits/currencies/{currency}", json={"status": "archived"})

    answer = acme.api.post(
        "/customers/external/acme/credits/grants", json={"creditCurrencyKey": "chat_credits", "amount": 1}
    )
    burn(acme, "s1", CREDIT)

    assert answer.json()["details"] == "creditCurrencyKey: 'chat_credits' is archived"
    assert balance(acme)["available"] == 9


def test_unknown_customers_are_not_found(acme: Shop):
    for path in ("credits/balances", "credits/pending-consumption"):
        assert acme.api.get(f"/customers/cus_none/{path}").status_code == 404
        assert acme.api.get(f"/customers/external/a/b/{path}").status_code == 404
    assert lines(acme, externalCustomerId="nobody") == []
    assert lines(acme, customerId="cus_none") == []


def test_the_documented_run_of_a_ledger(acme: Shop):
    """0 → 1,000 → 880 → 1,080 → 1,000, as the vendor's page has it."""
    give(acme, 1000)
    for number, step in enumerate((("burn", 120), ("give", 200), ("burn", 80))):
        acme.clock.forward(hours=1)
        if step[0] == "burn":
            burn(acme, f"s{number}", step[1] * CREDIT)
        else:
            give(acme, step[1])

    shown = lines(acme, externalCustomerId="acme")

    after, running = [], Decimal(0)
    for line in reversed(shown):
        running += Decimal(line["amount"])
        after.append(int(running))
    assert after == [1000, 880, 1080, 1000]
    assert [line["type"] for line in shown] == ["spend", "grant", "spend", "grant"]
    assert balance(acme)["available"] == 1000


def test_a_spend_says_what_it_was_for(acme: Shop):
    customer, currency = ids(acme)
    product = acme.api.post("/products/", json={"name": "Chatbot", "externalId": "chatbot"}).json()["id"]
    grant = Grant(key="g", customer_id=customer, currency_id=currency, amount_micro=5 * CREDIT, starts_at=NOW)
    acme.database.write(lambda session: open_grant(session, grant, NOW))
    burn(acme, "s1", 1_500_000, product_id=product, order_id="ord_1", occurred_at=NOW + timedelta(minutes=5))

    assert lines(acme, type="spend") == [
        {
            "id": lines(acme, type="spend")[0]["id"],
            "customer": {"id": customer, "externalId": "acme"},
            "creditCurrency": {"key": "chat_credits", "name": "Chat credits"},
            "type": "spend",
            "amount": "-1.5",
            "originCode": "purchased",
            "eventName": "chat",
            "signalId": "s1",
            "orderId": "ord_1",
            "product": {"id": product, "externalId": "chatbot", "name": "Chatbot"},
            "createdAt": "2026-03-15T12:05:00.000Z",
        }
    ]


def test_transactions_are_filtered_and_paged(acme: Shop):
    customer, currency = ids(acme)
    give(acme, 100)
    for number in range(5):
        burn(acme, f"s{number}", CREDIT, occurred_at=NOW + timedelta(days=number), order_id=f"ord_{number % 2}")

    def amounts(**only: object) -> list[str]:
        return [line.get("signalId", "grant") for line in lines(acme, **only)]

    assert amounts() == ["s4", "s3", "s2", "s1", "s0", "grant"]
    assert amounts(type="grant") == ["grant"]
    assert amounts(type="pendingGrant") == []
    assert amounts(orderId="ord_1") == ["s3", "s1"]
    assert amounts(createdAtFrom="2026-03-17", createdAtTo="2026-03-18") == ["s3", "s2"]
    assert amounts(customerId=customer, creditsCurrencyId=currency, creditCurrencyKey="chat_credits", type="spend")
    assert amounts(creditCurrencyKey="other") == []
    assert amounts(customerId="cus_other", externalCustomerId="acme") == []
    page = acme.api.get("/credits/transactions", params={"limit": 2, "offset": 4}).json()
    assert page["pagination"] == {"limit": 2, "offset": 4, "total": 6, "hasMore": False}
    assert len(page["data"]) == 2
    assert acme.api.get("/credits/transactions", params={"createdAtFrom": "soon"}).status_code == 400
    assert acme.api.get("/credits/transactions", params={"type": "refund"}).status_code == 400


def test_a_pending_grant_is_in_the_ledger_and_not_spendable(acme: Shop):
    customer, currency = ids(acme)
    grant = Grant(
        key="g", customer_id=customer, currency_id=currency, amount_micro=5 * CREDIT, starts_at=NOW, pending=True
    )
    acme.database.write(lambda session: open_grant(session, grant, NOW))

    assert balance(acme)["available"] == 0
    assert [(line["type"], line["amount"]) for line in lines(acme)] == [("pendingGrant", "5")]
    acme.database.write(lambda session: void_grant(session, "g", NOW))
    assert [(line["type"], line["amount"]) for line in lines(acme)] == [("pendingGrant", "-5"), ("pendingGrant", "5")]


def test_consumption_waits_for_credits_and_then_is_a_spend(acme: Shop):
    customer, _ = ids(acme)
    burn(acme, "s2", 2_500_000, occurred_at=NOW - timedelta(hours=1), order_id="ord_1")
    burn(acme, "s1", CREDIT, occurred_at=NOW - timedelta(hours=2))
    path = f"/customers/{customer}/credits/pending-consumption"

    waiting = acme.api.get(path).json()

    assert waiting["pagination"] == {"limit": 100, "offset": 0, "total": 2, "hasMore": False}
    assert [each["creditsDecimal"] for each in waiting["data"]] == ["1", "2.5"]
    assert waiting["data"][1] == {
        "credits": 2,
        "creditsDecimal": "2.5",
        "creditCurrency": {"key": "chat_credits", "name": "Chat credits"},
        "orderId": "ord_1",
        "eventName": "chat",
        "occurredAt": "2026-03-15T11:00:00.000Z",
        "recordedAt": "2026-03-15T12:00:00.000Z",
    }
    assert lines(acme) == []
    give(acme, 3)
    assert acme.api.get("/customers/external/acme/credits/pending-consumption").json()["data"][0]["credits"] == 0
    assert [(line["type"], line["amount"]) for line in lines(acme)] == [
        ("grant", "3"), ("spend", "-2"), ("spend", "-1"),
    ]  # fmt: skip
    give(acme, 3)
    assert acme.api.get(path).json()["data"] == []
    assert (
        sum(Decimal(line["amount"]) for line in lines(acme))
        == Decimal("2.5")
        == Decimal(str(balance(acme)["available"]))
    )


def test_below_zero_is_shown_where_that_is_wanted(acme: Shop):
    burn(acme, "s1", CREDIT)
    assert balance(acme)["available"] == 0
    with TestClient(create_api(replace(acme.billing, allow_negative=True))) as api:
        shown = api.get("/customers/external/acme/credits/balances").json()["data"][0]
    assert shown["available"] == -1


def test_numbers_in_json_are_exact_to_a_millionth(acme: Shop):
    answer = acme.api.post(
        "/customers/external/acme/credits/grants",
        content=json.dumps({"creditCurrencyKey": "chat_credits", "amount": 999999999.999999}),
        headers={"content-type": "application/json"},
    )

    assert answer.json()["grant"]["amountDecimal"] == "999999999.999999"
    assert balance(acme)["available"] == 999999999.999999


@pytest.mark.parametrize("name", ["%00", "a%00b", "%ED%A0%80", "'; DROP TABLE customers", "x" * 5000])
def test_odd_names_are_no_error_of_ours(acme: Shop, name: str):
    for path in ("balances", "pending-consumption"):
        assert acme.api.get(f"/customers/{name}/credits/{path}").status_code in (400, 404)
        assert acme.api.get(f"/customers/external/{name}/credits/{path}").status_code in (400, 404)
    for field in ("customerId", "externalCustomerId", "creditsCurrencyId", "creditCurrencyKey", "orderId"):
        answer = acme.api.get(f"/credits/transactions?{field}={name}")
        assert answer.status_code in (200, 400), answer.text
