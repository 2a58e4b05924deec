"""Customers and the names they go by, over the API."""

import pytest
from sqlalchemy import select

from billing.customers.create import ensure_customer
from billing.customers.find import find_customer
from billing.tables.audit import AuditEntry
from billing.tables.customers import Customer
from tests.billing.shop import Shop

ACME = {"name": "Acme", "email": "a@b.c", "externalId": "cust_1", "metadata": {"a": 1}, "defaultCurrency": "USD"}


def test_a_customer_is_made_read_changed_and_deleted(shop: Shop):
    made = shop.api.post("/customers/", json=ACME).json()
    assert made | {"id": "cus"} == {
        **ACME,
        "id": "cus",
        "phone": "",
        "website": "",
        "creationState": "active",
        "status": "active",
        "connections": {},
        "createdAt": "2026-03-15T12:00:00.000Z",
        "updatedAt": "2026-03-15T12:00:00.000Z",
    }

    shop.clock.forward(days=1)
    changed = shop.api.put(
        f"/customers/{made['id']}",
        json={"phone": "+49", "email": None, "billingAddress": {"line1": "Main St 1", "zipCode": "10115"}},
    ).json()

    assert (changed["phone"], changed["email"], changed["name"]) == ("+49", "", "Acme")
    assert changed["billingAddress"] == {"line1": "Main St 1", "zipCode": "10115"}
    assert changed["updatedAt"] == "2026-03-16T12:00:00.000Z"
    assert shop.api.get("/customers/external/cust_1").json() == changed
    assert shop.api.delete("/customers/external/cust_1").json() == {}
    assert shop.api.get(f"/customers/{made['id']}").status_code == 404
    assert shop.api.get("/customers/").json()["data"] == []
    assert shop.api.post("/customers/", json=ACME).json()["id"] != made["id"]


def test_making_a_customer_again_gives_the_same_one_unchanged(shop: Shop):
    made = shop.api.post("/customers/", json=ACME).json()

    again = shop.api.post("/customers/", json=ACME | {"name": "Acme Inc", "email": "x@y.z"}).json()

    assert again == made
    assert shop.api.get("/customers/").json()["pagination"]["total"] == 1


def test_a_customer_that_signals_made_is_described_by_whoever_makes_it(shop: Shop):
    met = shop.database.write(lambda session: ensure_customer(session, "cust_1", shop.clock.now).id)
    assert shop.database.write(lambda session: ensure_customer(session, "cust_1", shop.clock.now).id) == met
    assert shop.api.get(f"/customers/{met}").json()["name"] == "cust_1"

    described = shop.api.post("/customers/", json=ACME).json()

    assert (described["id"], described["name"], described["metadata"]) == (met, "Acme", {"a": 1})


def test_external_ids_may_have_slashes_spaces_and_accents(shop: Shop):
    made = shop.api.post("/customers/", json={"name": "X", "externalId": "cust 1/é"}).json()

    assert shop.api.get("/customers/external/cust%201/%C3%A9").json() == made
    assert shop.api.get("/customers/external/cust%201/%C3%A9/aliases").json()["data"] == []


def test_a_churn_date_marks_a_customer_and_null_takes_it_back(shop: Shop):
    made = shop.api.post("/customers/", json=ACME).json()

    churned = shop.api.put(f"/customers/{made['id']}", json={"churnDate": "2026-03-01T00:00:00+02:00"}).json()

    assert (churned["status"], churned["churnDate"]) == ("churned", "2026-02-28T22:00:00.000Z")
    assert shop.api.get("/customers/", params={"status": "active"}).json()["data"] == []
    assert shop.api.get("/customers/", params={"status": "churned"}).json()["data"] == [churned]
    back = shop.api.put(f"/customers/{made['id']}", json={"churnDate": None}).json()
    assert back["status"] == "active"


def test_customers_are_found_by_name_state_time_and_external_id(shop: Shop):
    first = shop.api.post("/customers/", json=ACME).json()
    shop.clock.forward(days=1)
    second = shop.api.post("/customers/", json={"name": "Other acme", "creationState": "draft"}).json()

    def ids(**params: str) -> list[str]:
        answer = shop.api.get("/customers/", params=params)
        assert answer.status_code == 200, answer.json()
        return [each["id"] for each in answer.json()["data"]]

    assert ids() == ids(name="ACME") == [second["id"], first["id"]]
    assert ids(creationState="draft") == [second["id"]]
    assert ids(externalId="cust_1") == [first["id"]]
    assert ids(createdAtTo="2026-03-15") == [first["id"]]
    assert ids(createdAtFrom="2026-03-16") == [second["id"]]
    assert ids(createdAtFrom="2026-03-15T13:30:00+01:30", createdAtTo="2026-03-15T12:00:00") == [first["id"]]
    assert ids(createdAtFrom="9999-12-31") == []
    for wrong in ("yesterday", "2026-02-30", "0001-01-01T00:00:00+10:00"):
        assert shop.api.get("/customers/", params={"createdAtFrom": wrong}).status_code == 400


def test_children_name_their_parent_and_never_in_a_circle(shop: Shop):
    above = shop.api.post("/customers/", json={"name": "Group"}).json()
    child = shop.api.post("/customers/", json={"name": "Sub", "parentCustomerId": above["id"]}).json()
    assert child["parentCustomerId"] == above["id"]

    circle = shop.api.put(f"/customers/{above['id']}", json={"parentCustomerId": child["id"]})
    itself = shop.api.put(f"/customers/{above['id']}", json={"parentCustomerId": above["id"]})
    unknown = shop.api.post("/customers/", json={"name": "Y", "parentCustomerId": "cus_none"})

    assert circle.status_code == itself.status_code == unknown.status_code == 400
    assert shop.api.delete(f"/customers/{above['id']}").status_code == 400
    freed = shop.api.put(f"/customers/{child['id']}", json={"parentCustomerId": None}).json()
    assert "parentCustomerId" not in freed
    assert shop.api.delete(f"/customers/{above['id']}").status_code == 200


def test_an_alias_leads_to_its_customer_wherever_an_external_id_does(shop: Shop):
    made = shop.api.post("/customers/", json=ACME).json()

    alias = shop.api.post(f"/customers/{made['id']}/aliases", json={"alias": "alt/1", "name": "CRM"}).json()

    assert alias == {
        "alias": "alt/1",
        "customerId": made["id"],
        "name": "CRM",
        "createdAt": "2026-03-15T12:00:00.000Z",
        "updatedAt": "2026-03-15T12:00:00.000Z",
    }
    assert shop.api.get("/customers/external/alt/1").json() == made
    assert shop.api.post("/customers/", json={"name": "Z", "externalId": "alt/1"}).json() == made
    assert shop.database.write(lambda session: ensure_customer(session, "alt/1", shop.clock.now).id) == made["id"]
    with shop.database.read() as session:
        for name in (made["id"], "cust_1", "alt/1"):
            found = find_customer(session, name)
            assert found is not None
            assert found.id == made["id"]
        assert find_customer(session, "nobody") is None
    listed = shop.api.get("/customers/external/cust_1/aliases").json()
    assert listed["data"] == [alias]
    assert shop.api.delete("/customers/external/cust_1/aliases/alt/1").json() == {}
    assert shop.api.get("/customers/external/alt/1").status_code == 404
    assert shop.api.delete(f"/customers/{made['id']}/aliases/alt/1").status_code == 404


def test_an_alias_that_leads_to_somebody_already_is_a_conflict(shop: Shop):
    made = shop.api.post("/customers/", json=ACME).json()
    other = shop.api.post("/customers/", json={"name": "Other", "externalId": "other"}).json()
    shop.api.post(f"/customers/{made['id']}/aliases", json={"alias": "alt"})

    for taken in ("other", "alt"):
        answer = shop.api.post(f"/customers/{made['id']}/aliases", json={"alias": taken})
        assert (answer.status_code, answer.json()["error"]) == (409, "Conflict")
    renamed = shop.api.put(f"/customers/{other['id']}", json={"externalId": "alt"})
    assert (renamed.status_code, renamed.json()["details"]) == (400, f"externalId: 'alt' is {made['id']}'s")


def test_the_row_of_a_deleted_customer_stays_with_the_id_it_had(shop: Shop):
    made = shop.api.post("/customers/", json=ACME).json()
    shop.api.post(f"/customers/{made['id']}/aliases", json={"alias": "alt"})

    shop.api.delete(f"/customers/{made['id']}")

    with shop.database.read() as session:
        row = session.get_one(Customer, made["id"])
        log = session.scalars(select(AuditEntry).where(AuditEntry.object_id == "alt").order_by(AuditEntry.id)).all()
    assert (row.former_external_id, row.external_id) == ("cust_1", None)
    assert [entry.action for entry in log] == ["create", "delete"]
    assert shop.api.get("/customers/external/alt").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "X", "defaultCurrency": "Dollars"},
        {"name": "X", "creationState": "asleep"},
        {"name": "a\x00b"},
    ],
)
def test_what_is_no_customer_is_refused(shop: Shop, body: dict[str, str]):
    answer = shop.api.post("/customers/", json=body)

    assert answer.status_code == 400


def test_moments_beyond_the_calendar_are_refused(shop: Shop):
    made = shop.api.post("/customers/", json=ACME).json()

    answer = shop.api.put(f"/customers/{made['id']}", json={"churnDate": "0001-01-01T00:00:00+10:00"})

    assert answer.status_code == 400
    assert "years 1 and 9999" in answer.json()["details"]
