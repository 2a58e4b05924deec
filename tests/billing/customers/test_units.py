"""The tree of a customer's units and the caps on it, over the API and as debits fill them."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from billing.customers.cap_policies import period_at
from billing.ledger.debits import Debit, debit
from billing.tables.webhooks import WebhookEndpoint, WebhookMessage
from tests.billing.catalog.wares import currency
from tests.billing.shop import NOW, Shop

REACHED = "billing-credit-cap-reached"
UNITS = "/customers/external/acme/customer-units"


@pytest.fixture
def acme(shop: Shop) -> str:
    """A customer whose root unit is `acme`, with `sales` and below it `emea` in it."""
    customer = str(shop.api.post("/customers/", json={"name": "Acme", "externalId": "acme"}).json()["id"])
    for unit, parent in (("sales", "acme"), ("emea", "sales"), ("ops", "acme")):
        answer = shop.api.post(UNITS, json={"externalId": unit, "parentExternalId": parent})
        assert answer.status_code == 200, answer.json()
    return customer


def burn(
    shop: Shop, customer: str, money: str, signal: str, amount: int, unit: str | None, at: datetime = NOW
) -> list[tuple[str, int]]:
    """Burn credits; the units whose caps are told to be full after it, and what they spent."""
    spent = Debit(
        signal_id=signal, customer_id=customer, currency_id=money, amount_micro=amount * 10**6, occurred_at=at,
        customer_unit_id=unit,
    )  # fmt: skip
    before = {message.id for message in told(shop)}
    shop.database.write(lambda session: debit(session, [spent], NOW))
    full = [json.loads(message.body)["data"]["credits"] for message in told(shop) if message.id not in before]
    return [(each["externalCustomerUnitId"], each["used"]) for each in full]


def told(shop: Shop) -> Sequence[WebhookMessage]:
    with shop.database.read() as session:
        return session.scalars(select(WebhookMessage).where(WebhookMessage.name == REACHED)).all()


def listen(shop: Shop) -> None:
    """Have a webhook for caps that are reached."""
    endpoint = WebhookEndpoint(name=REACHED, url="https://x.test/hook", enabled=True, created_at=NOW, updated_at=NOW)
    shop.database.write(lambda session: session.add(endpoint))


def test_a_customer_has_its_root_and_other_units_go_below_it(shop: Shop, acme: str):
    made = shop.api.get(f"{UNITS}/emea").json()

    assert made | {"createdAt": "", "updatedAt": ""} == {
        "externalId": "emea",
        "name": "emea",
        "status": "ACTIVE",
        "parentExternalId": "sales",
        "isRoot": False,
        "createdAt": "",
        "updatedAt": "",
    }
    assert shop.api.get(f"/customers/{acme}/customer-units/acme").json()["isRoot"] is True
    listed = shop.api.get(UNITS, params={"parentExternalId": "acme"}).json()
    assert {each["externalId"] for each in listed["data"]} == {"sales", "ops"}
    assert shop.api.get(UNITS).json()["pagination"]["total"] == 4


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"externalId": "other"}, "ROOT_EXISTS"),
        ({"externalId": "sales", "parentExternalId": "acme"}, "CUSTOMER_UNIT_EXISTS"),
        ({"externalId": "x", "parentExternalId": "nowhere"}, "PARENT_NOT_FOUND"),
    ],
)
def test_a_unit_that_has_no_place_in_the_tree_is_a_conflict(shop: Shop, acme: str, body: dict[str, str], code: str):
    answer = shop.api.post(UNITS, json=body)

    assert (answer.status_code, answer.json()["code"]) == (409, code)


def test_a_unit_moves_with_what_is_below_it_and_never_below_itself(shop: Shop, acme: str):
    moved = shop.api.patch(f"{UNITS}/sales", json={"parentExternalId": "ops", "name": "Sales", "externalType": "team"})

    assert moved.json()["parentExternalId"] == "ops"
    assert shop.api.get(UNITS, params={"externalType": "team"}).json()["data"] == [moved.json()]
    for unit, parent, code in (
        ("ops", "emea", "CUSTOMER_UNIT_CYCLE"),
        ("ops", "ops", "CUSTOMER_UNIT_CYCLE"),
        ("acme", "ops", "ROOT_UNIT_IMMOVABLE"),
        ("ops", "none", "PARENT_NOT_FOUND"),
    ):
        answer = shop.api.patch(f"{UNITS}/{unit}", json={"parentExternalId": parent})
        assert (answer.status_code, answer.json()["code"]) == (409, code), unit


def test_the_tree_has_a_depth_that_neither_new_nor_moved_units_go_beyond(shop: Shop, acme: str):
    above = "emea"
    for depth in range(4, 11):
        shop.api.post(UNITS, json={"externalId": f"d{depth}", "parentExternalId": above})
        above = f"d{depth}"

    deeper = shop.api.post(UNITS, json={"externalId": "d11", "parentExternalId": "d10"})
    moved = shop.api.patch(f"{UNITS}/sales", json={"parentExternalId": "ops"})

    assert deeper.json()["code"] == moved.json()["code"] == "TREE_TOO_DEEP"


def test_a_deleted_unit_can_be_read_and_has_nothing_below_it(shop: Shop, acme: str):
    assert shop.api.delete(f"{UNITS}/sales").json()["code"] == "CUSTOMER_UNIT_HAS_CHILDREN"

    gone = shop.api.delete(f"{UNITS}/emea").json()

    assert gone["status"] == shop.api.get(f"{UNITS}/emea").json()["status"] == "DELETED"
    assert [each["externalId"] for each in shop.api.get(UNITS, params={"status": "DELETED"}).json()["data"]] == ["emea"]
    assert shop.api.patch(f"{UNITS}/emea", json={"name": "x"}).json()["code"] == "CUSTOMER_UNIT_DELETED"
    assert shop.api.post(UNITS, json={"externalId": "emea", "parentExternalId": "sales"}).status_code == 409
    for unit in ("sales", "ops", "acme"):
        assert shop.api.delete(f"{UNITS}/{unit}").status_code == 200
    assert shop.api.post(UNITS, json={"externalId": "new"}).json()["isRoot"] is True


def test_names_of_units_that_a_path_cannot_have_are_refused(shop: Shop, acme: str):
    for key in (".", "..", "", "x" * 256):
        assert shop.api.post(UNITS, json={"externalId": key, "parentExternalId": "acme"}).status_code == 400
    assert shop.api.get(f"{UNITS}/none").status_code == 404


def test_a_cap_counts_what_a_unit_and_those_below_it_spend_in_its_period(shop: Shop, acme: str):
    money = currency(shop)
    burn(shop, acme, money, "before", 10, "sales", datetime(2026, 3, 9, 23, 59, 59, tzinfo=UTC))
    burn(shop, acme, money, "first", 3, "sales", datetime(2026, 3, 10, tzinfo=UTC))
    burn(shop, acme, money, "below", 4, "emea")
    burn(shop, acme, money, "beside", 100, "ops")
    burn(shop, acme, money, "nobody", 1000, None)

    put = shop.api.put(f"{UNITS}/sales/cap", json={"amount": 10.5, "effectiveFrom": "2026-03-10T08:00:00Z"})

    assert put.status_code == 200
    assert put.json() | {"policy": {}} == {
        "externalCustomerUnitId": "sales",
        "customerId": acme,
        "creditsCurrencyId": money,
        "policy": {},
        "currentPeriod": {
            "window": {"start": "2026-03-10T00:00:00.000Z", "end": "2026-04-10T00:00:00.000Z"},
            "used": 7,
            "remaining": 3.5,
        },
    }
    assert put.json()["policy"] == {
        "amount": 10.5,
        "frequency": "MONTHLY",
        "effectiveFrom": "2026-03-10T08:00:00.000Z",
        "createdAt": "2026-03-15T12:00:00.000Z",
        "source": "api",
    }
    assert shop.api.get(f"{UNITS}/sales/cap").json() == put.json()
    whole = shop.api.put(f"{UNITS}/acme/cap", json={"amount": 1}).json()["currentPeriod"]
    assert (whole["used"], whole["remaining"]) == (1104, 0)


def test_a_cap_on_the_root_is_one_on_the_whole_customer(shop: Shop, acme: str):
    money = currency(shop)
    other = str(shop.api.post("/customers/", json={"name": "B", "externalId": "b"}).json()["id"])
    burn(shop, acme, money, "named", 4, "emea")
    burn(shop, acme, money, "unnamed", 2, None)
    burn(shop, acme, money, "unknown", 1, "not there yet")
    burn(shop, other, money, "theirs", 50, "acme")

    cap = shop.api.put(f"{UNITS}/acme/cap", json={"amount": 100, "effectiveFrom": "2026-01-15T00:00:00Z"}).json()

    assert cap["currentPeriod"]["used"] == 7


def test_a_unit_that_is_made_later_has_what_was_spent_in_its_name_before(shop: Shop, acme: str):
    money = currency(shop)
    burn(shop, acme, money, "early", 5, "late unit")

    shop.api.post(UNITS, json={"externalId": "late unit", "parentExternalId": "ops"})

    body = {"amount": 100, "effectiveFrom": "2026-03-01T00:00:00Z"}
    assert shop.api.put(f"{UNITS}/late%20unit/cap", json=body).json()["currentPeriod"]["used"] == 5
    assert shop.api.put(f"{UNITS}/ops/cap", json=body).json()["currentPeriod"]["used"] == 5


def test_the_newest_version_of_a_cap_wins_and_ending_closes_all_of_them(shop: Shop, acme: str):
    currency(shop)
    path = f"{UNITS}/sales/cap"
    assert shop.api.get(path).status_code == 404
    shop.api.put(path, json={"amount": 10, "effectiveFrom": "2026-01-31T00:00:00Z"})
    shop.api.put(path, json={"amount": 20, "effectiveFrom": "2026-02-01T00:00:00Z"})
    scheduled = shop.api.put(path, json={"amount": 30, "effectiveFrom": "2026-04-01T00:00:00Z"}).json()
    assert "currentPeriod" not in scheduled
    assert shop.api.get(path).json()["policy"]["amount"] == 20
    assert shop.api.delete(f"{UNITS}/sales").status_code == 409

    ended = shop.api.delete(path).json()

    assert (ended["endedVersions"], ended["policy"]["amount"]) == (3, 20)
    assert ended["policy"]["effectiveUntil"] == "2026-03-15T12:00:00.000Z"
    assert shop.api.get(path).status_code == shop.api.delete(path).status_code == 404
    shop.clock.forward(days=30)
    assert shop.api.get(path).status_code == 404


def test_the_currency_of_a_cap_may_be_left_out_where_there_is_one(shop: Shop, acme: str):
    path = f"{UNITS}/sales/cap"
    assert shop.api.put(path, json={"amount": 1}).status_code == 400
    first = currency(shop)
    assert shop.api.put(path, json={"amount": 1}).json()["creditsCurrencyId"] == first

    second = currency(shop, "voice")

    assert shop.api.put(path, json={"amount": 1}).status_code == 400
    assert shop.api.get(path, params={"creditsCurrencyId": first}).status_code == 200
    assert shop.api.get(path, params={"creditsCurrencyId": second}).status_code == 404
    assert shop.api.get(path, params={"creditsCurrencyId": "cc_none"}).status_code == 400
    for amount in (0, -1, 0.0000001, 1e10):
        assert shop.api.put(path, json={"amount": amount, "creditsCurrencyId": first}).status_code == 400


def test_a_cap_is_told_once_in_a_period_by_the_debit_that_fills_it(shop: Shop, acme: str):
    listen(shop)
    money = currency(shop)
    for unit, amount in (("sales", 5), ("acme", 8)):
        shop.api.put(f"{UNITS}/{unit}/cap", json={"amount": amount, "effectiveFrom": "2026-03-01T00:00:00Z"})

    assert burn(shop, acme, money, "s1", 4, "emea") == []
    assert burn(shop, acme, money, "s2", 1, "sales") == [("sales", 5)]
    assert burn(shop, acme, money, "s3", 1, "emea") == []
    assert burn(shop, acme, money, "s4", 3, None) == [("acme", 9)]
    assert burn(shop, acme, money, "s5", 5, "emea", NOW + timedelta(days=31)) == [("sales", 5)]
    assert burn(shop, acme, money, "late", 5, "emea") == []


@pytest.mark.parametrize("change", ["a unit is made", "a unit moves"])
def test_a_cap_is_told_in_time_when_more_comes_to_be_below_it(shop: Shop, acme: str, change: str):
    listen(shop)
    money = currency(shop)
    shop.api.put(f"{UNITS}/sales/cap", json={"amount": 10, "effectiveFrom": "2026-03-01T00:00:00Z"})
    assert burn(shop, acme, money, "s1", 1, "sales") == []
    assert burn(shop, acme, money, "s2", 4, "new" if change == "a unit is made" else "ops") == []

    if change == "a unit is made":
        shop.api.post(UNITS, json={"externalId": "new", "parentExternalId": "emea"})
    else:
        shop.api.patch(f"{UNITS}/ops", json={"parentExternalId": "sales"})

    assert burn(shop, acme, money, "s3", 5, "emea") == [("sales", 10)]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_is_told_is_what_a_sum_over_everything_would_find(shop: Shop, data: st.DataObject):
    if not shop.api.get("/credits/currencies").json()["data"]:
        listen(shop)
        currency(shop)
    money = shop.api.get("/credits/currencies").json()["data"][0]["id"]
    name = f"acme{shop.api.get('/customers/').json()['pagination']['total']}"
    customer = shop.api.post("/customers/", json={"name": name, "externalId": name}).json()["id"]
    units = f"/customers/{customer}/customer-units"
    shop.api.post(units, json={"externalId": "sales", "parentExternalId": name})
    caps = {name: data.draw(st.integers(1, 30)), "sales": data.draw(st.integers(1, 30))}
    for unit, amount in caps.items():
        shop.api.put(f"{units}/{unit}/cap", json={"amount": amount, "effectiveFrom": "2026-03-01T00:00:00Z"})
    spent: dict[str, tuple[int, str | None]] = {}
    reported: set[str] = set()
    for _ in range(data.draw(st.integers(1, 6))):
        signal = data.draw(st.sampled_from("abcde"))
        spent[signal] = (data.draw(st.integers(0, 12)), data.draw(st.sampled_from(["sales", None])))

        found = burn(shop, customer, money, f"{name}/{signal}", *spent[signal])

        used = {
            name: sum(amount for amount, _ in spent.values()),
            "sales": sum(amount for amount, unit in spent.values() if unit == "sales"),
        }
        full = {(unit, used[unit]) for unit in caps if used[unit] >= caps[unit] and unit not in reported}
        assert set(found) == full
        reported |= {unit for unit, _ in full}


moments = st.integers(0, 200 * 365 * 86_400).map(
    lambda seconds: datetime(1950, 1, 1, tzinfo=UTC) + timedelta(0, seconds)
)


@given(anchor=moments, moment=moments)
def test_periods_follow_one_another_and_each_moment_is_in_one(anchor: datetime, moment: datetime):
    period = period_at(anchor, moment)

    assert period.start <= moment < period.end
    assert period_at(anchor, period.start) == period
    assert period_at(anchor, period.end).start == period.end
    assert timedelta(days=28) <= period.end - period.start <= timedelta(days=31)
    assert period.start.day == anchor.day or (period.start + timedelta(days=1)).day == 1


def test_a_period_that_began_on_the_31st_ends_with_shorter_months():
    anchor = datetime(2026, 1, 31, 9, tzinfo=UTC)

    starts = [period_at(anchor, datetime(2026, month, 28, 1, tzinfo=UTC)).start for month in (2, 3, 4, 5)]

    assert [(start.month, start.day) for start in starts] == [(2, 28), (2, 28), (3, 31), (4, 30)]
    assert period_at(anchor, datetime(1, 1, 1, tzinfo=UTC)).end > datetime(1, 1, 1, tzinfo=UTC)
    assert period_at(anchor, datetime(9999, 12, 31, tzinfo=UTC)).start < datetime(9999, 12, 31, 1, tzinfo=UTC)


def test_who_has_a_webhook_for_it_is_told_of_a_cap_that_is_reached(shop: Shop, acme: str):
    money = currency(shop)
    listen(shop)
    shop.api.put(f"{UNITS}/sales/cap", json={"amount": 5, "effectiveFrom": "2026-03-01T00:00:00Z"})

    burn(shop, acme, money, "s1", 7, "emea")

    (message,) = told(shop)
    assert json.loads(message.body)["data"] == {
        "credits": {
            "externalCustomerUnitId": "sales",
            "customerId": acme,
            "externalCustomerId": "acme",
            "creditsCurrencyId": money,
            "amount": 5,
            "used": 7,
            "window": {"start": "2026-03-01T00:00:00.000Z", "end": "2026-04-01T00:00:00.000Z"},
            "reachedAt": "2026-03-15T12:00:00.000Z",
        }
    }
