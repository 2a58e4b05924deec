"""Orders as rules of revenue: the real plan of each customer, dated, exact."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from analytics.revenue import apply_revenue
from analytics.revenue_parse import parse_rules
from billing.orders.revenue import revenue_entries
from tests.billing.catalog import wares
from tests.billing.orders import goods
from tests.billing.shop import Shop

SIGNALS = {
    "signal_id": pl.String, "customer_id": pl.String, "product_id": pl.String, "event_name": pl.String,
    "occurred_at": pl.Datetime("us", "UTC"), "quantity": pl.Decimal(18, 6), "data": pl.String,
    "known_cost": pl.Decimal(18, 12), "cost_status": pl.String,
}  # fmt: skip


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def entries(shop: Shop) -> list[dict[str, Any]]:
    with shop.database.read() as session:
        return revenue_entries(session)


def earned(shop: Shop, *events: dict[str, Any]) -> list[Decimal | None]:
    """What events (of acme's bot in the middle of March 2026, unless they say otherwise) earn by the orders."""
    usual = {
        "customer_id": "acme", "product_id": "bot", "event_name": "chat_message", "occurred_at": at("2026-03-20"),
        "quantity": Decimal(1), "data": None, "known_cost": None, "cost_status": "no_calls",
    }  # fmt: skip
    rows = [usual | {"signal_id": f"sig_{place}"} | event for place, event in enumerate(events)]
    frame = pl.DataFrame([[row[name] for name in SIGNALS] for row in rows], schema=SIGNALS, orient="row")
    return apply_revenue(frame, parse_rules(entries(shop)))["revenue_usd"].to_list()


def messages(credit: str, **more: Any) -> dict[str, Any]:
    return {"name": "Messages", "pricing": wares.messages(credit) | more}


def test_a_credit_is_worth_what_the_plan_costs_by_what_it_brings(shop: Shop):
    credit = wares.currency(shop)
    bot = goods.product(shop, goods.fee(2900, [wares.benefit(credit, 500)]), messages(credit))
    acme = goods.customer(shop)
    goods.order(shop, acme, bot["id"], "2026-03-15T12:00:00Z")

    assert earned(
        shop, {}, {"quantity": Decimal(3)}, {"customer_id": acme, "product_id": bot["id"]}, {"customer_id": "other"},
        {"occurred_at": at("2026-03-15T11:59:59")},
    ) == [Decimal("0.058"), Decimal("0.174"), Decimal("0.058"), None, None]  # fmt: skip


def test_a_price_may_say_what_a_credit_is_worth(shop: Shop):
    credit = wares.currency(shop)
    bot = goods.product(shop, messages(credit, unitValue=2.5, creditCost=2))
    goods.order(shop, goods.customer(shop), bot["id"], "2026-03-15T12:00:00Z")

    assert earned(shop, {"quantity": Decimal(3)}) == [Decimal("0.15")]


def test_a_fixed_cost_does_not_look_at_the_quantity(shop: Shop):
    credit = wares.currency(shop)
    pricing = {key: value for key, value in wares.messages(credit).items() if key != "pricingInput"}
    bot = goods.product(shop, {"name": "Messages", "pricing": pricing | {"unitValue": 4}})
    goods.order(shop, goods.customer(shop), bot["id"], "2026-03-15T12:00:00Z")

    assert earned(shop, {"quantity": Decimal(7), "data": '{"quantity": 7}'}) == [Decimal("0.04")]


def test_a_credit_without_a_value_earns_what_nobody_knows(shop: Shop):
    credit = wares.currency(shop)
    bot = goods.product(shop, messages(credit))
    goods.order(shop, goods.customer(shop), bot["id"], "2026-03-15T12:00:00Z")

    assert entries(shop) == []
    assert earned(shop, {}) == [None]


@pytest.mark.parametrize(("quantity", "dollars"), [("1", "0.03"), ("10", "0.03"), ("11", "0.15"), ("1000", "0.15")])
def test_brackets_go_on_beyond_the_last(shop: Shop, quantity: str, dollars: str):
    credit = wares.currency(shop)
    pricing = {
        "pricingType": "UsageBracketedPrepaidCredits", "eventName": "chat_message", "creditsCurrencyId": credit,
        "unitValue": 3, "pricingInput": {"kind": "signalQuantity"}, "billingFrequency": "Monthly",
        "creditUnitBrackets": [{"upTo": 10, "creditUnits": 1}, {"upTo": 100, "creditUnits": 5}],
    }  # fmt: skip
    bot = goods.product(shop, {"name": "Documents", "pricing": pricing})
    goods.order(shop, goods.customer(shop), bot["id"], "2026-03-15T12:00:00Z")

    assert earned(shop, {"quantity": Decimal(quantity)}) == [Decimal(dollars)]


def test_prices_per_unit_by_tier_and_by_cost(shop: Shop):
    tiers = [{"lowerBound": 0, "upperBound": 2, "unitAmount": 100}, {"lowerBound": 3, "unitAmount": 50}]
    graduated = {
        "pricingType": "UsageGraduated", "eventName": "page", "billingFrequency": "Monthly",
        "pricePoints": [{"currency": "USD", "unitPrice": 0, "tiers": tiers}],
    }  # fmt: skip
    plus = {"pricingType": "UsageCostPlus", "costPlusMultiplier": 1.3}
    bot = goods.product(
        shop, goods.usage(7, "search"), {"name": "Pages", "pricing": graduated}, {"name": "AI", "pricing": plus}
    )
    goods.order(shop, goods.customer(shop), bot["id"], "2026-03-15T12:00:00Z")

    assert earned(
        shop, {"event_name": "search", "quantity": Decimal(2)},
        {"event_name": "page", "quantity": Decimal(3)}, {"event_name": "page", "quantity": Decimal(1)},
        {"event_name": "any", "known_cost": Decimal("0.1"), "cost_status": "complete"},
    ) == [Decimal("0.14"), Decimal("2.5"), Decimal("0.5"), Decimal("0.13")]  # fmt: skip


def test_an_event_earns_by_the_price_of_its_time_and_by_any_name_of_the_customer(shop: Shop):
    bot = goods.product(shop, goods.usage(10, "chat_message"))
    acme = goods.customer(shop)
    shop.api.post(f"/customers/{acme}/aliases", json={"alias": "old-acme"})
    order = goods.order(shop, acme, bot["id"], "2026-03-01T00:00:00Z")
    shop.clock.forward(days=1)
    shop.api.post(f"/orders/{order['id']}/pause")

    assert earned(
        shop, {"occurred_at": at("2026-03-16"), "customer_id": "old-acme"}, {"occurred_at": at("2026-03-17")}
    ) == [Decimal("0.1"), None]
    assert {entry["name"].rsplit("/", 2)[1] for entry in entries(shop)} == {"acme", acme, "old-acme"}
