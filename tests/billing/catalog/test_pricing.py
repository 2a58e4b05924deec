"""The fifteen pricing types: what is sent comes back, and what makes no sense is refused by name."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from billing.api.schemas.pricing import shown_pricing
from billing.catalog.benefits import CreditBenefitInput
from billing.catalog.pricing import parse_pricing, price_point, stored
from billing.columns import dump_json, load_json

cents = st.integers(0, 10**12)
counts = st.integers(0, 2**31 - 1)
credit = st.integers(0, 10**15).map(lambda micro: Decimal(micro).scaleb(-6))
rate = st.decimals(0, 10**6, places=6)
currencies = st.sampled_from(["USD", "EUR", "JPY", "GBP"])
texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=30)


@st.composite
def tiers(draw: st.DrawFn) -> list[dict[str, Any]]:
    bounds = sorted(draw(st.sets(st.integers(1, 10**6), max_size=4)))
    low, found = 0, []
    for upper in [*bounds, None]:
        tier: dict[str, Any] = {"lowerBound": low, "unitAmount": draw(cents)}
        if upper is not None:
            tier["upperBound"] = upper
            low = upper + 1
        if draw(st.booleans()):
            tier["flatAmount"] = draw(cents)
        found.append(tier)
    return found


@st.composite
def points(draw: st.DrawFn, tiered: bool) -> list[dict[str, Any]]:
    return [
        {"currency": currency, "unitPrice": draw(cents)}
        | ({"tiers": draw(tiers())} if tiered else {})
        | ({"includedQuantity": draw(counts)} if draw(st.booleans()) else {})
        for currency in draw(st.lists(currencies, min_size=1, unique=True))
    ]


frequency = st.one_of(
    st.sampled_from(["Monthly", "Quarterly", "Semi-Annually", "Annual"]).map(lambda each: {"billingFrequency": each}),
    st.integers(1, 1200).map(lambda months: {"billingFrequency": "Custom", "billingFrequencyCustomMonths": months}),
)


@st.composite
def brackets(draw: st.DrawFn) -> list[dict[str, Any]]:
    graduated = draw(st.booleans())
    bounds = sorted(draw(st.sets(st.integers(1, 10**6), max_size=4)))
    return [
        ({} if bound is None else {"upTo": bound})
        | {"creditUnits": draw(credit)}
        | ({"creditUnitsPerUnit": draw(credit)} if graduated else {})
        for bound in [*bounds, None]
    ]


@st.composite
def pricings(draw: st.DrawFn) -> dict[str, Any]:
    kind, model = draw(
        st.sampled_from(
            [
                *(
                    (kind, model)
                    for kind in ("Recurring", "Usage", "SeatBased")
                    for model in ("PerUnit", "Graduated", "Volume")
                ),
                ("OneTime", "PerUnit"),
                ("Recurring", "PercentOfTotal"),
                ("Usage", "PrepaidCredits"),
                ("Usage", "BracketedPrepaidCredits"),
                ("Usage", "CostPlus"),
                ("SeatBased", "PrepaidCredits"),
            ]
        )
    )
    body: dict[str, Any] = {"pricingType": kind + model}
    if kind != "OneTime":
        body |= draw(frequency)
    if draw(st.booleans()):
        body["billingType"] = draw(st.sampled_from(["Advance", "Arrears"]))
    if kind == "Usage" and model != "CostPlus":
        body["eventName"] = draw(texts)
    if model in ("PerUnit", "Graduated", "Volume"):
        body["pricePoints"] = draw(points(tiered=model != "PerUnit"))
    elif model == "PercentOfTotal":
        body["percentageValue"] = draw(rate)
    elif model == "CostPlus":
        body["costPlusMultiplier"] = draw(rate)
    elif model == "PrepaidCredits":
        body |= {"creditsCurrencyId": "cc_1", "creditCost": draw(credit), "unitValue": draw(rate)}
    else:
        body |= {"pricingInput": {"kind": "signalQuantity", "path": "a.b"}, "creditUnitBrackets": draw(brackets())}
    return body


@given(pricings())
def test_what_is_sent_is_what_is_kept_and_what_comes_back(body: dict[str, Any]):
    sent = load_json(dump_json(body))

    kept = load_json(dump_json(stored(parse_pricing(sent))))

    assert kept == sent
    assert stored(parse_pricing(kept)) == stored(parse_pricing(sent))
    shown = shown_pricing(kept)
    assert shown is not None
    back = load_json(shown.model_dump_json(by_alias=True, exclude_none=True))
    assert back == {"pricePoints": [], **sent, "chargeType": back["chargeType"], "pricingModel": back["pricingModel"]}


USD = [{"currency": "USD", "unitPrice": 1}]
ONCE = {"pricingType": "OneTimePerUnit"}
FEE = {"pricingType": "RecurringPerUnit", "pricePoints": USD}
FLAT = {"creditUnits": 1}
MONTHLY = {"billingFrequency": "Monthly"}
CREDITS = {"pricingType": "UsagePrepaidCredits", "eventName": "e", "creditsCurrencyId": "cc_1", "creditCost": 1}
BRACKETS = {"pricingType": "UsageBracketedPrepaidCredits", "eventName": "e", "pricingInput": {"kind": "signalQuantity"}}
VOLUME = {"pricingType": "UsageVolume", "eventName": "e"}


def tiered(*steps: dict[str, Any]) -> dict[str, Any]:
    return VOLUME | {"pricePoints": [{"currency": "USD", "unitPrice": 0, "tiers": list(steps)}]}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"pricingType": "PerMoon"}, "PerMoon"),
        (FEE, "billingFrequency"),
        (FEE | {"billingFrequency": "Custom"}, "CustomMonths"),
        (FEE | MONTHLY | {"billingFrequencyCustomMonths": 2}, "only for"),
        (FEE | MONTHLY | {"pricePoints": []}, "at least 1 item"),
        (FEE | MONTHLY | {"pricePoints": USD * 2}, "USD is there twice"),
        ({"pricingType": "UsagePerUnit", "pricePoints": USD}, "eventName"),
        ({"pricingType": "UsagePerUnit", "eventName": "", "pricePoints": USD}, "at least 1 character"),
        (ONCE | {"pricePoints": [{"currency": "USD", "unitPrice": 1.5}]}, "valid integer"),
        (ONCE | {"pricePoints": [{"currency": "USD", "unitPrice": True}]}, "must be an integer"),
        (ONCE | {"pricePoints": [{"currency": "USD", "unitPrice": -1}]}, "greater than or equal"),
        (ONCE | {"pricePoints": [{"currency": "US", "unitPrice": 1}]}, "pattern"),
        (ONCE | {"pricePoints": [USD[0] | {"tiers": [{"lowerBound": 0, "unitAmount": 1}]}]}, "no tiers"),
        (CREDITS | {"creditCost": Decimal("0.0000001")}, "at most 6 decimal places"),
        (CREDITS | {"creditCost": "0.0000001"}, "at most 6 decimal places"),
        (CREDITS | {"creditCost": Decimal("1E+400")}, "must be at most"),
        (CREDITS | {"creditCost": -1}, "greater than or equal"),
        (CREDITS | {"unitValue": Decimal("1E-300")}, "15 digits"),
        (CREDITS | {"pricingInput": {"kind": "signalQuantity", "path": "a..b"}}, "pattern"),
        (BRACKETS | {"creditUnitBrackets": []}, "at least 1 item"),
        (BRACKETS | {"creditUnitBrackets": [FLAT | {"upTo": 1}, FLAT | {"creditUnitsPerUnit": 1}]}, "all flat"),
        (BRACKETS | {"creditUnitBrackets": [FLAT | {"upTo": 5}] * 2}, "must rise"),
        (BRACKETS | {"creditUnitBrackets": [FLAT, FLAT | {"upTo": 5}]}, "only the last"),
        (tiered(), "at least 1 item"),
        (tiered({"lowerBound": 5, "unitAmount": 1}), "begin at 0 or 1"),
        (tiered({"lowerBound": 0, "upperBound": 5, "unitAmount": 1}, {"lowerBound": 7, "unitAmount": 1}), "one above"),
        (tiered({"lowerBound": 0, "unitAmount": 1}, {"lowerBound": 7, "unitAmount": 1}), "only the last"),
        (tiered({"lowerBound": 0}), "needs unitAmount or flatAmount"),
        (tiered({"lowerBound": 0, "unitAmount": 1, "tierBillingType": "flat"}), "needs flatAmount"),
    ],
)  # fmt: skip
def test_a_price_that_makes_no_sense_is_refused_and_told_why(body: dict[str, Any], message: str):
    with pytest.raises(ValidationError) as refused:
        parse_pricing(body)

    assert message in str(refused.value)


def test_a_billing_period_and_its_end_follow_from_the_price():
    def priced(**fields: Any) -> Any:
        return parse_pricing({"pricingType": "RecurringPerUnit", "pricePoints": USD} | fields)

    assert priced(billingFrequency="Semi-Annually").period_months == 6
    assert priced(billingFrequency="Custom", billingFrequencyCustomMonths=5).period_months == 5
    assert priced(billingFrequency="Annual").in_advance is True
    assert priced(billingFrequency="Annual", billingType="Arrears").in_advance is False
    usage = parse_pricing(CREDITS)
    assert (usage.period_months, usage.in_advance) == (1, False)
    assert parse_pricing(ONCE | {"pricePoints": USD}).period_months is None


def test_where_a_quantity_is_may_be_written_in_two_ways():
    for path, steps in (
        (None, ("quantity",)),
        ("$.quantity", ("quantity",)),
        ("dimensions.pages", ("dimensions", "pages")),
    ):
        pricing = parse_pricing(CREDITS | {"pricingInput": {"kind": "signalQuantity", "path": path}})
        assert pricing.pricing_input is not None
        assert pricing.pricing_input.steps == steps


def test_the_price_in_a_currency_is_found_or_there_is_none():
    pricing = parse_pricing(ONCE | {"pricePoints": [{"currency": "eur", "unitPrice": 7}]})

    found = price_point(pricing, "EUR")

    assert found is not None
    assert found.unit_price == 7
    assert price_point(pricing, "USD") is None
    assert price_point(parse_pricing(CREDITS), "USD") is None


def test_a_benefit_says_everything_that_was_left_out():
    benefit = CreditBenefitInput.model_validate({"creditsCurrencyId": "cc_1", "amount": 500, "recipient": None})

    assert stored(benefit) == {
        "creditsCurrencyId": "cc_1",
        "amount": Decimal(500),
        "recipient": "organization",
        "isInfiniteTotal": False,
        "allocationCadence": "upfront",
        "creditGrantTiming": "on_order_activation",
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"rolloverAmount": 5},
        {"rolloverAmount": 5, "rolloverDuration": 1, "rolloverDurationUnit": "years"},
        {"rolloverAmount": 5, "rolloverDuration": 1201, "rolloverDurationUnit": "months"},
        {"amount": Decimal("0.0000001")},
        {"recipient": "everyone"},
    ],
)
def test_a_benefit_that_makes_no_sense_is_refused(wrong: dict[str, Any]):
    with pytest.raises(ValidationError):
        CreditBenefitInput.model_validate({"creditsCurrencyId": "cc_1", "amount": 500} | wrong)
