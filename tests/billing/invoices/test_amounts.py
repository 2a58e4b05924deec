"""What prices come to: exact, rounded once, half a cent up."""

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.catalog.pricing import Tier, parse_pricing
from billing.invoices.amounts import cost_plus, graduated, percent_of, price_of, rounded, split_by_days, volume


def priced(kind: str, **point: object) -> object:
    content = {"pricingType": kind, "pricePoints": [{"currency": "USD", "unitPrice": 0} | point]}
    more = {"eventName": "page"} if kind.startswith("Usage") else {}
    periodic = {"billingFrequency": "Monthly"} if kind != "OneTimePerUnit" else {}
    return parse_pricing(content | more | periodic)


TIERS = [
    {"lowerBound": 0, "upperBound": 10, "unitAmount": 100},
    {"lowerBound": 11, "upperBound": 20, "unitAmount": 50, "flatAmount": 500},
    {"lowerBound": 21, "unitAmount": 10},
]


@pytest.mark.parametrize(
    ("kind", "point", "quantity", "cents"),
    [
        ("UsagePerUnit", {"unitPrice": 7}, "3", 21),
        ("UsagePerUnit", {"unitPrice": 7}, "0.5", 4),  # 3.5, half up
        ("UsagePerUnit", {"unitPrice": 7, "includedQuantity": 100}, "130", 210),
        ("UsagePerUnit", {"unitPrice": 7, "includedQuantity": 100}, "99", 0),
        ("UsagePerUnit", {"unitPrice": 7, "minQuantity": 10}, "2", 70),
        ("OneTimePerUnit", {"unitPrice": 9900}, "2", 19800),
        ("SeatBasedPerUnit", {"unitPrice": 1500}, "10", 15000),
        ("UsageGraduated", {"tiers": TIERS}, "0", 0),
        ("UsageGraduated", {"tiers": TIERS}, "10", 1000),
        ("UsageGraduated", {"tiers": TIERS}, "11", 1000 + 50 + 500),
        ("RecurringGraduated", {"tiers": TIERS}, "25", 1000 + 500 + 500 + 50),
        ("UsageVolume", {"tiers": TIERS}, "10", 1000),
        ("UsageVolume", {"tiers": TIERS}, "11", 550 + 500),
        ("SeatBasedVolume", {"tiers": TIERS}, "1000", 10_000),
        ("UsageVolume", {"tiers": TIERS}, "0", 0),
    ],
)
def test_prices_per_unit_and_by_tier(kind, point, quantity, cents):
    assert rounded(price_of(priced(kind, **point), "USD", Decimal(quantity))) == cents


def test_a_tier_that_says_flat_or_per_unit_costs_only_that():
    tier = Tier.model_validate({"lowerBound": 0, "unitAmount": 100, "flatAmount": 500, "tierBillingType": "flat"})

    assert graduated([tier], Fraction(3)) == 500
    assert volume([tier], Fraction(3)) == 500


def test_what_is_paid_in_credits_costs_no_money():
    pricing = parse_pricing(
        {"pricingType": "UsagePrepaidCredits", "eventName": "page", "creditsCurrencyId": "cc_1", "creditCost": 1}
    )

    assert price_of(pricing, "USD", 10) == 0


def test_cost_plus_takes_dollars_to_the_last_digit():
    pricing = parse_pricing({"pricingType": "UsageCostPlus", "costPlusMultiplier": Decimal("1.3")})

    assert cost_plus(pricing, Decimal("0.123456789012")) == Fraction("16.04938257156")


def test_a_percentage_is_of_the_rest():
    pricing = parse_pricing(
        {"pricingType": "RecurringPercentOfTotal", "percentageValue": Decimal("12.5"), "billingFrequency": "Monthly"}
    )

    assert percent_of(pricing, 1001) == 125  # 125.125


@given(st.integers(-(10**15), 10**15), st.integers(1, 10**6))
def test_rounding_is_half_up_and_the_same_for_credits(numerator, denominator):
    exact = Fraction(numerator, denominator)

    assert abs(rounded(exact) - exact) <= Fraction(1, 2)
    assert rounded(-exact) == -rounded(exact)
    assert rounded(Fraction(5, 2)) == 3


@given(st.integers(0, 10**12), st.integers(1, 400), st.data())
def test_the_parts_of_a_period_add_up_to_it(amount, days, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, days), max_size=6)))

    parts = split_by_days(amount, days, cuts)

    assert sum(parts) == amount
    assert all(part >= 0 for part in parts)
    for part, (begin, end) in zip(parts, pairwise([0, *cuts, days]), strict=True):
        assert abs(part - Fraction(amount * (end - begin), days)) <= 1


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_graduated_prices_never_fall_as_more_is_used(one, other):
    tiers = [Tier.model_validate(each) for each in TIERS]
    less, more = sorted((one, other))

    assert graduated(tiers, Fraction(less)) <= graduated(tiers, Fraction(more))
