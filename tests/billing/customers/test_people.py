"""Contacts, users and groups, over the API."""

from tests.billing.shop import Shop


def customer(shop: Shop, external_id: str) -> str:
    return str(shop.api.post("/customers/", json={"name": external_id, "externalId": external_id}).json()["id"])


def test_contacts_are_made_found_by_either_id_changed_and_deleted(shop: Shop):
    acme = customer(shop, "acme")
    body = {
        "customerId": acme,
        "email": "jane@acme.test",
        "firstName": "Jane",
        "externalId": "crm/7",
        "roles": ["BILLING", "BILLING"],
        "billingAddress": {"street": "Main St 1"},
    }

    made = shop.api.post("/contacts/", json=body).json()

    assert made | {"id": "con"} == {
        "id": "con",
        "customerId": acme,
        "firstName": "Jane",
        "lastName": "",
        "email": "jane@acme.test",
        "externalId": "crm/7",
        "roles": ["BILLING"],
        "billingAddress": {"street": "Main St 1"},
        "createdAt": "2026-03-15T12:00:00.000Z",
        "updatedAt": "2026-03-15T12:00:00.000Z",
    }
    assert shop.api.get("/contacts/external/crm/7").json() == shop.api.get(f"/contacts/{made['id']}").json() == made
    changed = shop.api.put("/contacts/external/crm/7", json={"lastName": "Roe", "roles": [], "phone": "1"}).json()
    assert (changed["lastName"], changed["roles"], changed["firstName"]) == ("Roe", [], "Jane")
    assert shop.api.get("/contacts/").json()["data"] == [changed]
    assert shop.api.delete(f"/contacts/{made['id']}").json() == {}
    assert shop.api.get("/contacts/external/crm/7").status_code == 404
    assert shop.api.delete("/contacts/external/crm/7").status_code == 404


def test_a_contact_has_a_customer_and_an_external_id_of_its_own(shop: Shop):
    acme = customer(shop, "acme")
    shop.api.post("/contacts/", json={"customerId": acme, "email": "a@b", "externalId": "1"})

    taken = shop.api.post("/contacts/", json={"customerId": acme, "email": "c@d", "externalId": "1"})
    nobody = shop.api.post("/contacts/", json={"customerId": "cus_none", "email": "c@d"})

    assert (taken.status_code, nobody.status_code) == (400, 400)
    assert nobody.json()["details"] == "customerId: no customer 'cus_none'"


def test_a_user_is_made_by_the_first_request_and_changed_by_the_next(shop: Shop):
    customer(shop, "acme")

    first = shop.api.put("/customers/acme/users/u/1", json={"name": "Jane", "metadata": {"x": 1.5}}).json()
    second = shop.api.put("/customers/acme/users/u/1", json={"status": "deactivated"}).json()

    assert first | {"id": "usr"} == {
        "id": "usr",
        "externalId": "u/1",
        "customerExternalId": "acme",
        "name": "Jane",
        "metadata": {"x": 1.5},
        "status": "active",
        "created": True,
        "createdAt": "2026-03-15T12:00:00.000Z",
        "updatedAt": "2026-03-15T12:00:00.000Z",
    }
    assert second == first | {"created": False, "status": "deactivated"}
    assert shop.api.put("/customers/nobody/users/u", json={}).status_code == 404


def test_users_of_two_customers_may_have_the_same_external_id(shop: Shop):
    customer(shop, "acme")
    customer(shop, "bolt")

    users = [shop.api.put(f"/customers/{name}/users/u1", json={}).json() for name in ("acme", "bolt")]

    assert all(user["created"] for user in users)
    assert users[0]["id"] != users[1]["id"]


def test_groups_take_customers_in_and_out_and_say_whom_they_skipped(shop: Shop):
    ids = {name: customer(shop, name) for name in ("a", "b", "c")}
    group = shop.api.post("/customer-groups/", json={"name": "Enterprise", "description": "large"}).json()
    path = f"/customer-groups/{group['id']}"
    members = f"{path}/members"
    assert (group["customerCount"], group["customers"]) == (0, [])

    added = shop.api.post(members, json={"customerIds": ["a", "b", "a", "nobody"]}).json()
    again = shop.api.post(members, json={"customerIds": ["b", "c"]}).json()

    assert added == {"added": 2, "skipped": 1, "skippedIds": ["nobody"]}
    assert again == {"added": 1, "skipped": 1, "skippedIds": ["b"]}
    listed = shop.api.get(path).json()
    assert listed["customerCount"] == 3
    assert {"id": ids["a"], "name": "a", "externalId": "a"} in listed["customers"]

    settled = shop.api.put(members, json={"customerIds": ["a", "nobody"]}).json()
    gone = shop.api.request("DELETE", members, json={"customerIds": ["a", "b"]}).json()

    assert settled == {"added": 0, "removed": 2, "skipped": 1, "skippedIds": ["nobody"]}
    assert gone == {"removed": 1, "skipped": 1, "skippedIds": ["b"]}
    assert shop.api.get("/customer-groups/").json()["data"][0]["customerCount"] == 0


def test_names_of_groups_are_unique_and_a_deleted_group_lets_its_customers_go(shop: Shop):
    customer(shop, "a")
    first = shop.api.post("/customer-groups/", json={"name": "One"}).json()
    second = shop.api.post("/customer-groups/", json={"name": "Two"}).json()
    shop.api.post(f"/customer-groups/{first['id']}/members", json={"customerIds": ["a"]})

    assert shop.api.post("/customer-groups/", json={"name": "One"}).status_code == 409
    assert shop.api.patch(f"/customer-groups/{second['id']}", json={"name": "One"}).status_code == 409
    renamed = shop.api.patch(f"/customer-groups/{second['id']}", json={"name": "Three"}).json()
    assert renamed["name"] == "Three"
    deleted = shop.api.delete(f"/customer-groups/{first['id']}").json()
    assert deleted == {"deletedGroupId": first["id"], "unboundCustomerCount": 1}
    assert shop.api.get(f"/customer-groups/{first['id']}").status_code == 404
    assert shop.api.get("/customers/external/a").status_code == 200
