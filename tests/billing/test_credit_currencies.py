"""Kinds of credits, over the API."""

from sqlalchemy import select

from billing.tables.audit import AuditEntry
from tests.billing.shop import Shop

CHAT = {"name": "Chat credits", "key": "chat_credits"}


def test_a_currency_is_made_listed_archived_and_brought_back(shop: Shop):
    made = shop.api.post("/credits/currencies", json=CHAT)
    assert made.status_code == 200
    currency = made.json()
    assert currency["status"] == "active"
    assert currency["createdAt"] == "2026-03-15T12:00:00.000Z"

    archived = shop.api.put(f"/credits/currencies/{currency['id']}", json={"status": "archived"}).json()

    assert archived["archivedAt"] == "2026-03-15T12:00:00.000Z"
    assert shop.api.get("/credits/currencies", params={"status": "active"}).json() == {"data": []}
    assert shop.api.get("/credits/currencies/").json() == {"data": [archived]}
    again = shop.api.put(f"/credits/currencies/{currency['id']}", json={"status": "active"}).json()
    assert "archivedAt" not in again


def test_a_key_is_unique_and_of_few_characters(shop: Shop):
    shop.api.post("/credits/currencies", json=CHAT)

    taken = shop.api.post("/credits/currencies", json=CHAT)
    wrong = shop.api.post("/credits/currencies", json={"name": "Chat", "key": "Chat Credits"})

    assert (taken.status_code, taken.json()) == (409, {"error": "Conflict", "details": "key: 'chat_credits' is taken"})
    assert wrong.status_code == 400
    assert wrong.json()["error"] == "Invalid input"
    assert wrong.json()["details"].startswith("key: ")


def test_an_unknown_currency_is_not_found(shop: Shop):
    answer = shop.api.put("/credits/currencies/cc_none", json={"status": "archived"})

    assert (answer.status_code, answer.json()["error"]) == (404, "Not found")


def test_every_change_is_in_the_audit_log_with_what_was_before(shop: Shop):
    currency = shop.api.post("/credits/currencies", json=CHAT).json()
    shop.api.put(f"/credits/currencies/{currency['id']}", json={"description": "for chats"})

    with shop.database.read() as session:
        log = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [entry.action for entry in log] == ["create", "update"]
    assert {entry.object_id for entry in log} == {currency["id"]}
    assert log[1].before == {"description": None}
    assert log[1].after == {"description": "for chats"}


def test_a_body_that_is_not_said_to_be_json_is_told_so(shop: Shop):
    answer = shop.api.post("/credits/currencies", content=b"{}", headers={"content-type": "text/plain"})

    assert (answer.status_code, answer.json()["details"]) == (400, "body: send it with content-type: application/json")
