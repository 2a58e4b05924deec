"""The everyday questions: every cost counted once, unknown figures unknown."""

from decimal import Decimal

import pytest

from lake.connect import Lake
from tests.lake.rows import after, cost, frame, link, margin

ACME = {"customer_id": "acme", "product_id": "writer"}


@pytest.fixture
def month(lake: Lake) -> Lake:
    """Two events: one bears a call and half of another, one the other half; two calls are nobody's, one repeats."""
    alone, shared = cost(1, "0.10", **ACME), cost(2, "0.000000000003", **ACME)
    unclaimed = cost(3, "0.05", at=after(days=1), **ACME)
    nobodys = cost(4, "0.01", at=after(days=40))
    repeats = cost(5, "0.10", **ACME) | {"status": "aggregate", "cost_usd": None}
    with lake.transaction() as tx:
        tx.append("costs", frame("costs", [alone, shared, unclaimed, nobodys, repeats]))
        links = [link(alone, "s1", "0.10"), link(shared, "s1", "0.000000000002"), link(shared, "s2", "0.000000000001")]
        tx.append("cost_links", frame("cost_links", links))
        events = [
            margin("s1", revenue="2", cost_usd=Decimal("0.100000000002"), margin_usd=Decimal("1.899999999998")),
            margin("s2", revenue="1", cost_usd=Decimal("0.000000000001"), margin_usd=Decimal("0.999999999999")),
        ]
        tx.append("event_margins", frame("event_margins", events))
    return lake


def test_linked_and_unclaimed_cost_are_all_cost(month: Lake) -> None:
    everything = month.read("SELECT sum(cost_usd) FROM billable_costs").item()
    assert everything == Decimal("0.160000000003")
    for view in ("margin_daily", "margin_by_customer", "margin_by_product", "margin_monthly"):
        total = month.read(f"SELECT sum(linked_cost_usd) + sum(unclaimed_cost_usd) FROM {view}").item()
        assert total == everything, view
    assert month.read("SELECT sum(cost_usd) FROM cost_by_model_daily").item() == everything


def test_a_customer_pays_for_what_no_event_claimed_too(month: Lake) -> None:
    rows = month.read(
        "SELECT customer_id, signals, revenue_usd, linked_cost_usd, unclaimed_cost_usd, margin_usd "
        "FROM margin_by_customer ORDER BY customer_id NULLS LAST"
    ).rows()
    acme = ("acme", 2, Decimal(3), Decimal("0.100000000003"), Decimal("0.05"), Decimal("2.849999999997"))
    nobody = (None, 0, None, Decimal(0), Decimal("0.01"), Decimal("-0.01"))
    assert rows == [acme, nobody]


def test_unclaimed_costs_are_those_without_a_link(month: Lake) -> None:
    assert month.read("SELECT cost_usd FROM unclaimed_costs ORDER BY occurred_at")["cost_usd"].to_list() == [
        Decimal("0.05"),
        Decimal("0.01"),
    ]


def test_days_and_months_are_those_of_utc(month: Lake) -> None:
    cursor = month.cursor()
    cursor.execute("SET TimeZone = 'Pacific/Kiritimati'")
    days = cursor.execute("SELECT DISTINCT day::VARCHAR FROM margin_daily ORDER BY 1").fetchall()
    months = cursor.execute("SELECT DISTINCT month::VARCHAR FROM margin_monthly ORDER BY 1").fetchall()
    cursor.close()
    assert days == [("2026-11-01",), ("2026-11-02",), ("2026-12-11",)]
    assert months == [("2026-11-01",), ("2026-12-01",)]


def test_an_event_earns_and_costs_on_its_own_day(month: Lake) -> None:
    row = month.read("SELECT * FROM margin_daily WHERE event_name IS NOT NULL").row(0, named=True)
    assert (row["signals"], row["revenue_usd"]) == (2, Decimal(3))
    assert row["margin_usd"] == Decimal("2.899999999997")
    assert month.read("SELECT margin_usd, margin_pct FROM margin_by_event").row(0) == (
        Decimal("2.899999999997"),
        Decimal("96.666667"),
    )


def test_one_unpriced_call_makes_the_margin_unknown_but_not_the_known_part(month: Lake) -> None:
    mystery = cost(9, None, provider="acme-ai", **ACME) | {"model": None, "request_model": "brain-9"}
    month.run(lambda tx: tx.append("costs", frame("costs", [mystery])))
    row = month.read("SELECT * FROM margin_by_customer WHERE customer_id = 'acme'").row(0, named=True)
    assert row["margin_usd"] is None
    assert row["margin_pct"] is None
    assert row["margin_known_usd"] == Decimal("2.849999999997")
    assert row["unpriced_calls"] == 1
    assert month.read("SELECT provider, model, calls FROM unpriced_models").rows() == [("acme-ai", "brain-9", 1)]
    first_day = month.read("SELECT calls, priced_calls, unpriced_calls, priced_pct FROM coverage ORDER BY day").row(0)
    assert first_day == (3, 2, 1, Decimal("66.666667"))


def test_unknown_revenue_is_not_nothing(month: Lake) -> None:
    month.run(lambda tx: tx.append("event_margins", frame("event_margins", [margin("s3", cost_status="no_calls")])))
    row = month.read("SELECT * FROM margin_by_customer WHERE customer_id = 'acme'").row(0, named=True)
    assert (row["margin_usd"], row["signals_without_revenue"], row["revenue_usd"]) == (None, 1, Decimal(3))
    assert month.read("SELECT margin_usd FROM margin_by_event").item() is None


def test_progress_is_one_row_a_source(month: Lake) -> None:
    for position in (1, 2):
        month.run(lambda tx, to=position: tx.set_progress("journal", to))  # type: ignore[misc]
    assert month.read("SELECT source, position FROM ingest_progress").rows() == [("journal", 2)]


def test_what_senders_say_stands_beside_what_we_say(lake: Lake) -> None:
    """Per day and model; an own price differs on purpose, a sender's zero says nothing, an aggregate only repeats."""

    def told(number: int, ours: str, theirs: str, **known: object) -> dict[str, object]:
        return cost(number, ours, model="m", **ACME) | {"reported_cost_usd": Decimal(theirs)} | known

    rows = [
        told(1, "1", "1.5"),
        told(2, "1", "0.25"),
        told(3, "1", "9", price_rule="ours"),
        told(4, "1", "0"),
        told(5, "1", "9", status="aggregate"),
        told(6, "9", "9", status="reported"),
    ]
    lake.run(
        lambda tx: tx.append("costs", frame("costs", [row | {"price_rule": row.get("price_rule")} for row in rows]))
    )
    found = lake.read("SELECT * EXCLUDE (day, provider, model) FROM reported_costs_daily").row(0, named=True)
    assert found == {
        "calls": 2, "cost_usd": Decimal(2), "reported_cost_usd": Decimal("1.75"), "difference_usd": Decimal("-0.25"),
        "drift_pct": Decimal("-12.5"), "worst_cost_id": rows[1]["cost_id"],
    }  # fmt: skip
