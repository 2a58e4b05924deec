"""The columns of a FOCUS 1.2 dataset, in the specification's order, and the rules that each row must keep.

Source: FOCUS specification 1.2, https://focus.finops.org/focus-specification/v1-2/ (read in November 2026).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import polars as pl

VERSION = "1.2"
CATEGORY, SUBCATEGORY = "AI and Machine Learning", "Generative AI"
COST = pl.Decimal(38, 12)
_TEXT, _TIME = pl.String(), pl.Datetime("us", "UTC")


@dataclass(frozen=True)
class FocusColumn:
    """required: never NULL in what we export, all of which is `Usage`. allowed: the only values, if closed."""

    type: pl.DataType
    required: bool = False
    allowed: tuple[str, ...] = ()


FOCUS: Mapping[str, FocusColumn] = MappingProxyType(
    {
        "AvailabilityZone": FocusColumn(_TEXT),
        "BilledCost": FocusColumn(COST, required=True),
        "BillingAccountId": FocusColumn(_TEXT, required=True),
        "BillingAccountName": FocusColumn(_TEXT),
        "BillingAccountType": FocusColumn(_TEXT, required=True),
        "BillingCurrency": FocusColumn(_TEXT, required=True, allowed=("USD",)),
        "BillingPeriodEnd": FocusColumn(_TIME, required=True),
        "BillingPeriodStart": FocusColumn(_TIME, required=True),
        "CapacityReservationId": FocusColumn(_TEXT),
        "CapacityReservationStatus": FocusColumn(_TEXT),
        "ChargeCategory": FocusColumn(_TEXT, required=True, allowed=("Usage",)),
        "ChargeClass": FocusColumn(_TEXT, allowed=("Correction",)),
        "ChargeDescription": FocusColumn(_TEXT, required=True),
        "ChargeFrequency": FocusColumn(_TEXT, required=True, allowed=("Usage-Based",)),
        "ChargePeriodEnd": FocusColumn(_TIME, required=True),
        "ChargePeriodStart": FocusColumn(_TIME, required=True),
        "CommitmentDiscountCategory": FocusColumn(_TEXT),
        "CommitmentDiscountId": FocusColumn(_TEXT),
        "CommitmentDiscountName": FocusColumn(_TEXT),
        "CommitmentDiscountQuantity": FocusColumn(COST),
        "CommitmentDiscountStatus": FocusColumn(_TEXT),
        "CommitmentDiscountType": FocusColumn(_TEXT),
        "CommitmentDiscountUnit": FocusColumn(_TEXT),
        "ConsumedQuantity": FocusColumn(COST, required=True),
        "ConsumedUnit": FocusColumn(_TEXT, required=True, allowed=("Tokens", "Requests")),
        "ContractedCost": FocusColumn(COST, required=True),
        "ContractedUnitPrice": FocusColumn(COST, required=True),
        "EffectiveCost": FocusColumn(COST, required=True),
        "InvoiceId": FocusColumn(_TEXT),
        "InvoiceIssuerName": FocusColumn(_TEXT, required=True),
        "ListCost": FocusColumn(COST, required=True),
        "ListUnitPrice": FocusColumn(COST, required=True),
        "PricingCategory": FocusColumn(_TEXT, required=True, allowed=("Standard", "Other")),
        "PricingCurrency": FocusColumn(_TEXT, required=True),
        "PricingCurrencyContractedUnitPrice": FocusColumn(COST),
        "PricingCurrencyEffectiveCost": FocusColumn(COST),
        "PricingCurrencyListUnitPrice": FocusColumn(COST),
        "PricingQuantity": FocusColumn(COST, required=True),
        "PricingUnit": FocusColumn(_TEXT, required=True, allowed=("1000000 Tokens", "Charges")),
        "ProviderName": FocusColumn(_TEXT, required=True),
        "PublisherName": FocusColumn(_TEXT, required=True),
        "RegionId": FocusColumn(_TEXT),
        "RegionName": FocusColumn(_TEXT),
        "ResourceId": FocusColumn(_TEXT),
        "ResourceName": FocusColumn(_TEXT),
        "ResourceType": FocusColumn(_TEXT),
        "ServiceCategory": FocusColumn(_TEXT, required=True, allowed=(CATEGORY,)),
        "ServiceName": FocusColumn(_TEXT, required=True),
        "ServiceSubcategory": FocusColumn(_TEXT, required=True, allowed=(SUBCATEGORY,)),
        "SkuId": FocusColumn(_TEXT, required=True),
        "SkuMeter": FocusColumn(_TEXT, required=True),
        "SkuPriceDetails": FocusColumn(_TEXT),
        "SkuPriceId": FocusColumn(_TEXT, required=True),
        "SubAccountId": FocusColumn(_TEXT),
        "SubAccountName": FocusColumn(_TEXT),
        "SubAccountType": FocusColumn(_TEXT),
        "Tags": FocusColumn(_TEXT),
    }
)

OWN: Mapping[str, pl.DataType] = MappingProxyType(
    {
        "x_Calls": pl.Int64(),
        "x_Component": _TEXT,
        "x_CostIds": _TEXT,
        "x_CostStatus": _TEXT,
        "x_CustomerId": _TEXT,
        "x_EventNames": _TEXT,
        "x_PriceRule": _TEXT,
        "x_ProductId": _TEXT,
        "x_RateId": _TEXT,
        "x_SignalIds": _TEXT,
    }
)
"""Our own columns, behind those of the specification as it asks for."""

SCHEMA = pl.Schema({name: column.type for name, column in FOCUS.items()} | dict(OWN))


def problems(rows: pl.DataFrame) -> list[str]:
    """What rows break of the specification, a line each: columns and their order, types, NULLs, values, arithmetic."""
    if dict(rows.schema) != dict(SCHEMA) or rows.columns != SCHEMA.names():
        return [f"columns or types are not those of FOCUS {VERSION}"]
    found = [
        f"{name}: NULL in {rows[name].null_count()} rows"
        for name, column in FOCUS.items()
        if column.required and rows[name].null_count()
    ]
    for name, column in FOCUS.items():
        strange = set(rows[name].drop_nulls().unique()) - set(column.allowed) if column.allowed else set()
        found += [f"{name}: {value!r} is not allowed" for value in sorted(strange)]
    exact = pl.Decimal(38, 12)
    checks = {
        "ListUnitPrice times PricingQuantity is not ListCost": _product("ListUnitPrice", "ListCost"),
        "ContractedUnitPrice times PricingQuantity is not ContractedCost": _product(
            "ContractedUnitPrice", "ContractedCost"
        ),
        "ChargePeriodEnd is not after ChargePeriodStart": pl.col("ChargePeriodEnd") <= pl.col("ChargePeriodStart"),
        "the charge period is outside of the billing period": (
            pl.col("ChargePeriodStart") < pl.col("BillingPeriodStart")
        )
        | (pl.col("ChargePeriodEnd") > pl.col("BillingPeriodEnd")),
        "a price or quantity is negative": pl.any_horizontal(
            pl.col(name).cast(exact) < 0
            for name in ("ListUnitPrice", "ContractedUnitPrice", "PricingQuantity", "ConsumedQuantity")
        ),
        "RegionId without RegionName": pl.col("RegionId").is_not_null() & pl.col("RegionName").is_null(),
        "SubAccountId without SubAccountType": pl.col("SubAccountId").is_null() != pl.col("SubAccountType").is_null(),
    }
    for text, broken in checks.items():
        count = rows.filter(broken).height
        found += [f"{text} in {count} rows"] if count else []
    several = rows.select("SkuPriceId", "SkuId").unique().group_by("SkuPriceId").len().filter(pl.col("len") > 1)
    found += [f"SkuPriceId {name} is of several SkuId" for name in several["SkuPriceId"]]
    return found


def _product(price: str, cost: str) -> pl.Expr:
    """Whether price * quantity differs from the cost; whole picounits, exactly."""
    pico = 10**12
    whole = pl.col(price).to_physical() * pl.col("PricingQuantity").to_physical()
    return whole != pl.col(cost).to_physical() * pl.lit(pico, dtype=pl.Int128)
