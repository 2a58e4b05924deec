"""What events burn: which price is theirs, how much that is, and that it is once."""

import tempfile
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from billing.metering.apply import Metered, meter
from billing.metering.prices import NoQuantityError, burned, credit_price
from billing.metering.use import Use, quantity_of, use_of
from billing.tables.customers import Customer, CustomerAlias
from billing.tables.metering import MeteringRefusal
from receiver.signals.rest import parse_signals
from tests.billing.metering.on_sale import available, currency, grant, message, order, use
from tests.billing.shop import NOW, Shop, open_shop
from tests.examples import examples


def metered(shop: Shop, *uses: Use, again: bool = False) -> Metered:
    return shop.database.write(lambda session: meter(session, uses, NOW, again=again))


@pytest.fixture
def chat(shop: Shop) -> str:
    """acme has 500 credits, one a message."""
    chat = currency(shop)
    order(shop, "acme", message(chat))
    grant(shop, "acme", chat, 500)
    return chat


def test_a_message_burns_a_credit_once(shop: Shop, chat: str):
    for _ in range(3):
        metered(shop, use())

    assert available(shop) == 499


@pytest.mark.parametrize(
    "other",
    [
        {"event_name": "Chat_message"},
        {"product": "another"},
        {"product": None},
        {"customer": "globex"},
        {"customer": None},
        {"occurred_at": NOW - timedelta(days=400)},
    ],
)
def test_another_event_product_customer_or_time_burns_nothing(shop: Shop, chat: str, other: dict[str, Any]):
    assert metered(shop, use(**other)).debits == 0
    assert available(shop) == 500


@pytest.mark.parametrize("name", ["acme", "acme-eu", "cus"])
def test_every_name_of_a_customer_is_the_customer(shop: Shop, chat: str, name: str):
    with shop.database.read() as session:
        customer = session.scalars(select(Customer)).one()
    alias = CustomerAlias(
        alias="acme-eu", customer_id=customer.id, name=None, description=None, created_at=NOW, updated_at=NOW
    )
    shop.database.write(lambda session: session.add(alias))

    metered(shop, use(customer=customer.id if name == "cus" else name))

    assert available(shop) == 499


def test_unknown_customers_are_made_but_not_those_that_look_like_ours(shop: Shop, chat: str):
    made = metered(shop, use(customer="newcomer"), use("sig_2", customer="cus_" + "0" * 24)).customers

    assert made == 1
    with shop.database.read() as session:
        names = session.scalars(select(Customer.external_id).where(Customer.auto_created)).all()
    assert names == ["newcomer"]


def test_two_currencies_are_both_burned_and_of_two_orders_the_newer_counts(shop: Shop, chat: str):
    other = currency(shop, "tokens")
    order(shop, "acme", message(other, creditCost=7), message(chat, creditCost=3), start=NOW - timedelta(days=1))
    grant(shop, "acme", other, 100)

    metered(shop, use())

    balances = shop.api.get("/customers/external/acme/credits/balances").json()["data"]
    assert {each["currencyKey"]: each["available"] for each in balances} == {"chat": 497, "tokens": 93}


@pytest.mark.parametrize("state", ["draft", "ended"])
def test_an_order_that_is_not_active_burns_nothing(shop: Shop, state: str):
    chat = currency(shop)
    end = NOW if state == "ended" else None
    order(shop, "acme", message(chat), end=end, state="draft" if state == "draft" else "active")
    grant(shop, "acme", chat, 5)

    assert metered(shop, use()).debits == 0


def test_an_event_that_came_to_be_someone_elses_burns_theirs(shop: Shop, chat: str):
    order(shop, "globex", message(chat))
    grant(shop, "globex", chat, 10)
    metered(shop, use())

    metered(shop, use(customer="globex"), again=True)
    assert (available(shop, "acme"), available(shop, "globex")) == (500, 9)

    metered(shop, use(product=None), again=True)
    assert (available(shop, "acme"), available(shop, "globex")) == (500, 10)


def test_what_is_no_quantity_burns_nothing_and_says_why_until_it_is_mended(shop: Shop):
    chat = currency(shop)
    order(shop, "acme", message(chat, pricingInput={"kind": "signalQuantity", "path": "pages"}))
    grant(shop, "acme", chat, 10)

    assert metered(shop, use(data='{"pages":"many"}')).refused == 1
    with shop.database.read() as session:
        refusal = session.scalars(select(MeteringRefusal)).one()
    assert refusal.reason == "data.pages is not a number of 0 or more"
    assert available(shop) == 10

    metered(shop, use(data='{"pages":4}'), again=True)
    with shop.database.read() as session:
        assert session.scalars(select(MeteringRefusal)).all() == []
    assert available(shop) == 6


def price(**more: Any) -> Any:
    return credit_price(message("cc_1", **more))


QUANTITY = {"kind": "signalQuantity"}


@pytest.mark.parametrize(
    ("pricing", "said", "burns"),
    [
        ({}, {"quantity": Decimal(9)}, "1"),  # no pricing input: a fixed price, whatever the data holds
        ({"creditCost": 2, "pricingInput": QUANTITY}, {"quantity": Decimal(3)}, "6"),
        ({"creditCost": 2, "pricingInput": QUANTITY}, {"quantity": Decimal(0)}, "0"),
        ({"creditCost": Decimal("0.000001"), "pricingInput": QUANTITY}, {"quantity": Decimal("0.5")}, "0.000001"),
        ({"creditCost": Decimal("0.000001"), "pricingInput": QUANTITY}, {"quantity": Decimal("0.4")}, "0"),
        (
            {"pricingInput": QUANTITY | {"path": "dimensions.pages"}},
            {"data": '{"dimensions":{"pages":"2.5"}}'},
            "2.5",
        ),
        ({"pricingInput": QUANTITY | {"path": "$.pages"}}, {"data": '{"pages":12}'}, "12"),
        ({"pricingInput": QUANTITY | {"path": "pages"}}, {"data": '{"other":12}'}, "1"),
    ],
)
def test_credits_by_quantity(pricing: dict[str, Any], said: dict[str, Any], burns: str):
    assert burned(price(**pricing), use(**said)) == int(Decimal(burns) * 10**6)


FLAT = [{"upTo": 10, "creditUnits": 1}, {"upTo": 100, "creditUnits": 5}]
GRADUATED = [
    {"upTo": 10, "creditUnits": 0, "creditUnitsPerUnit": 2},
    {"creditUnits": 0, "creditUnitsPerUnit": Decimal("0.5")},
]


@pytest.mark.parametrize(
    ("brackets", "quantity", "burns"),
    [
        (FLAT, "1", "1"), (FLAT, "10", "1"), (FLAT, "10.5", "5"), (FLAT, "1000", "5"), (FLAT, "0", "0"),
        (GRADUATED, "4", "8"), (GRADUATED, "10", "20"), (GRADUATED, "13", "21.5"), (GRADUATED, "0", "0"),
    ],
)  # fmt: skip
def test_credits_by_bracket(brackets: list[dict[str, Any]], quantity: str, burns: str):
    pricing = {"pricingType": "UsageBracketedPrepaidCredits", "creditUnitBrackets": brackets, "pricingInput": QUANTITY}

    assert burned(price(**pricing), use(quantity=Decimal(quantity))) == int(Decimal(burns) * 10**6)


@pytest.mark.parametrize("quantity", [None, "no", "NaN", "-1", True, [3], {"n": 1}])
def test_what_is_no_quantity(quantity: object):
    found = quantity_of(Decimal(quantity) if isinstance(quantity, str) and quantity == "NaN" else quantity)
    if quantity is None:
        assert found == 1  # nothing said
        return
    assert found is None
    with pytest.raises(NoQuantityError):
        burned(price(pricingInput=QUANTITY), use(quantity=found))


def test_a_signal_reads_the_same_from_the_request_as_from_the_lake():
    body = (
        b'{"signals":[{"eventName":"chat_message","customer":{"externalCustomerId":"acme"},'
        b'"attribution":{"externalProductId":"bot"},"timestamp":"2026-03-15T12:00:00Z",'
        b'"customerUnit":{"externalCustomerUnitId":"team"},"idempotencyKey":"k",'
        b'"data":{"quantity":2.50,"external_user_id":"ann","paid":{"paid_scope_id":1}}}]}'
    )
    (signal,) = parse_signals(body, NOW)

    read = use_of(signal.content)

    lake = use(
        signal.signal_id,
        quantity=Decimal("2.500000"),
        data='{"quantity":2.50,"external_user_id":"ann"}',
        customer_unit="team",
    )
    assert (read.content, read.user) == (lake.content, "ann")
    assert read == lake  # whose data is parsed by now


@settings(max_examples=examples(10))
@given(
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["acme", "globex", "nobody"])), max_size=20),
    st.data(),
)
def test_batches_and_repetitions_change_no_balance(told: list[tuple[int, str]], data: st.DataObject):
    """Whatever is sent again, together or apart: each signal burns one credit of whose it was first."""
    firsts: dict[int, str] = {}
    for number, customer in told:
        firsts.setdefault(number, customer)
    uses = [use(f"sig_{number}", customer=firsts[number]) for number, _ in told]
    with tempfile.TemporaryDirectory() as folder, open_shop(Path(folder)) as shop:
        chat = currency(shop)
        for customer in ("acme", "globex"):
            order(shop, customer, message(chat))
            grant(shop, customer, chat, 10)
        while uses:
            size = data.draw(st.integers(1, len(uses)))
            metered(shop, *uses[:size], again=data.draw(st.booleans()))
            uses = uses[size:]
        for customer in ("acme", "globex"):
            assert available(shop, customer) == 10 - sum(1 for owner in firsts.values() if owner == customer)
