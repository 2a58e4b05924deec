"""Costs as a FOCUS 1.2 dataset: a row for every component of a charge, by call, hour or day.

A component is priced by the token where the list price times the tokens is its cost exactly; whatever else is charged
for (audio, images, searches, own contracts, reported costs) is one charge of its amount. So the arithmetic that the
specification asks for holds in every row, and BilledCost adds up to the billable costs to the picodollar.
"""

from collections.abc import Callable, Iterator
from typing import Literal

import polars as pl

from analytics.focus_columns import CATEGORY, SCHEMA, SUBCATEGORY
from analytics.frames import from_pico, int128
from analytics.period import Period, windows
from lake.commit import Transaction

Grain = Literal["call", "hour", "day"]
CHUNK = {"call": 50_000, "hour": 500_000, "day": 500_000}
"""Calls that one query adds up."""

MILLION = 10**6
_OWN_RATES = "own_"
"""How the ids of catalogs of the operator's own prices begin: these are contracts, no list prices."""

_PARTS = {
    "input": ("input_cost_usd", "input_tokens", "input_mtok", "Input Tokens"),
    "cache_read": ("cache_read_cost_usd", "cache_read_tokens", "cache_read_mtok", "Cache Read Tokens"),
    "cache_write": ("cache_write_cost_usd", "cache_write_tokens", "cache_write_mtok", "Cache Write Tokens"),
    "output": ("output_cost_usd", "output_tokens", "output_mtok", "Output Tokens"),
    "other": ("other_cost_usd", "other_tokens", "other_mtok", "Other Charges"),
}
_NAMES = {
    "anthropic": "Anthropic", "aws": "Amazon Web Services", "azure": "Microsoft Azure", "cohere": "Cohere",
    "deepseek": "DeepSeek", "google": "Google", "groq": "Groq", "mistral": "Mistral AI", "openai": "OpenAI",
    "openrouter": "OpenRouter", "together": "Together AI", "x-ai": "xAI",
}  # fmt: skip
"""Names for people; other providers go by their id."""


def focus_rows(
    tx: Transaction, grain: Grain, period: Period, *, progress: Callable[[int, int], None] = lambda done, total: None
) -> Iterator[pl.DataFrame]:
    """The dataset of a period, in pieces (`SCHEMA`). Calls without a known price are not in it: count `unpriced`."""
    parts = windows(tx.read, period, CHUNK[grain])
    done, total = 0, sum(part.calls for part in parts)
    for part in parts:
        yield as_focus(tx.read(_grouped(grain, part.period)), grain)
        done += part.calls
        progress(done, total)


def unpriced(tx: Transaction, period: Period) -> int:
    """Billable calls of the period whose cost is unknown."""
    where = f"status = 'unpriced' AND {period.condition('occurred_at')}"
    return int(tx.read(f"SELECT count(*) FROM costs WHERE {where}").item())


def _grouped(grain: Grain, period: Period) -> str:
    """Costs and tokens of a window, added up by all that a row tells apart."""
    when = period.condition("occurred_at")
    step = "second" if grain == "call" else grain
    ids = (
        "any_value(cost_id) AS cost_id, any_value(signal_ids) AS signal_ids"
        if grain == "call"
        else "NULL::VARCHAR AS cost_id, NULL::VARCHAR[] AS signal_ids"
    )
    return f"""
    WITH bearers AS (
        SELECT l.cost_id, list(l.signal_id ORDER BY l.signal_id) AS signal_ids,
               list_sort(list(DISTINCT m.event_name)) AS events,
               arg_min(m.customer_id, l.signal_id) AS customer, arg_min(m.product_id, l.signal_id) AS product
        FROM (SELECT * FROM cost_links WHERE {when}) AS l JOIN event_margins AS m USING (signal_id)
        GROUP BY l.cost_id
    ), calls AS (
        SELECT c.*, b.events, b.signal_ids,
               date_trunc('{step}', c.occurred_at) AS start,
               coalesce(c.customer_id, b.customer) AS customer, coalesce(c.product_id, b.product) AS product,
               coalesce(r.model, c.model, c.response_model, c.request_model, 'unknown') AS sku,
               coalesce(c.cache_write_5m_tokens, 0) AS short, coalesce(c.cache_write_1h_tokens, 0) AS long,
               CASE WHEN coalesce(c.cache_write_1h_tokens, 0) = 0 THEN '5m'
                    WHEN coalesce(c.cache_write_5m_tokens, 0) = 0 THEN '1h' END AS kept,
               coalesce(c.audio_input_tokens, 0) + coalesce(c.audio_output_tokens, 0)
                   + coalesce(c.image_input_tokens, 0) + coalesce(c.image_output_tokens, 0) > 0 AS special,
               r.* EXCLUDE (rate_id, catalog_id, provider, model, service_tier, region), r.catalog_id AS rated_in
        FROM (SELECT * FROM costs WHERE status <> 'aggregate' AND cost_usd IS NOT NULL AND {when}) AS c
        LEFT JOIN bearers AS b ON b.cost_id = c.cost_id
        LEFT JOIN (SELECT DISTINCT ON (rate_id) * FROM rates ORDER BY rate_id, catalog_id) AS r ON r.rate_id = c.rate_id
    )
    SELECT start, provider, sku, service_tier, coalesce(batch, false) AS batch, region, rate_id, price_rule, status,
           original_currency, customer, product, events, kept, special, {ids},
           count(*) AS calls,
           sum(input_cost_usd) AS input_cost_usd, sum(cache_read_cost_usd) AS cache_read_cost_usd,
           sum(cache_write_cost_usd) AS cache_write_cost_usd, sum(output_cost_usd) AS output_cost_usd,
           sum(cost_usd - coalesce(input_cost_usd, 0) - coalesce(cache_read_cost_usd, 0)
               - coalesce(cache_write_cost_usd, 0) - coalesce(output_cost_usd, 0)) AS other_cost_usd,
           sum(greatest(coalesce(input_tokens, 0) - coalesce(cache_read_tokens, 0) - short - long, 0))::BIGINT
               AS input_tokens,
           sum(coalesce(cache_read_tokens, 0))::BIGINT AS cache_read_tokens,
           sum(short + long)::BIGINT AS cache_write_tokens, sum(coalesce(output_tokens, 0))::BIGINT AS output_tokens,
           any_value(input_mtok) AS input_mtok, any_value(output_mtok) AS output_mtok,
           any_value(cache_read_mtok) AS cache_read_mtok,
           CASE WHEN kept = '5m' THEN any_value(coalesce(cache_write_5m_mtok, cache_write_mtok))
                WHEN kept = '1h' THEN any_value(coalesce(cache_write_1h_mtok, cache_write_mtok))
           END AS cache_write_mtok,
           any_value(currency) AS currency, any_value(rated_in) AS rated_in
    FROM calls
    GROUP BY start, provider, sku, service_tier, coalesce(batch, false), region, rate_id, price_rule, status,
             original_currency, customer, product, events, kept, special{", calls.cost_id" if grain == "call" else ""}
    ORDER BY start, provider, sku, rate_id, customer, product, events, price_rule, status, service_tier, batch, region,
             kept, special{", cost_id" if grain == "call" else ""}
    """


def as_focus(groups: pl.DataFrame, grain: Grain) -> pl.DataFrame:
    """Groups (see `_grouped`) as rows of the dataset: one for each component that costs something or uses tokens."""
    if groups.is_empty():
        return SCHEMA.to_frame()
    numbered = groups.with_row_index("group").with_columns(
        other_tokens=pl.lit(0, pl.Int64), other_mtok=pl.lit(None, pl.Decimal(38, 18))
    )
    common = [name for name in numbered.columns if name not in {n for part in _PARTS.values() for n in part[:3]}]
    parts = []
    for place, (component, (cost, tokens, price, meter)) in enumerate(_PARTS.items()):
        parts.append(
            numbered.select(
                *common,
                pl.lit(place).alias("place"),
                pl.lit(component).alias("component"),
                pl.lit(meter).alias("meter"),
                pl.col(cost).cast(pl.Decimal(38, 12)).to_physical().fill_null(0).alias("cost"),
                pl.col(tokens).cast(pl.Int128).alias("tokens"),
                # a price as vendors print it, in picodollars a million; finer ones are no whole number of these
                pl.col(price).cast(pl.Decimal(38, 18)).to_physical().alias("atto"),
            )
        )
    rows = pl.concat(parts).filter((pl.col("cost") != 0) | (pl.col("tokens") != 0)).sort("group", "place")
    listed = pl.col("currency").is_null() & ~pl.col("rated_in").str.starts_with(_OWN_RATES).fill_null(value=True)
    pico = pl.when(listed & ~pl.col("special") & (pl.col("atto") % int128(MILLION) == 0)).then(
        pl.col("atto") // int128(MILLION)
    )
    rows = rows.with_columns(pico=pico).with_columns(whole=pl.col("pico") * pl.col("tokens"))
    known = pl.col("whole").is_not_null() & (pl.col("whole") % int128(MILLION) == 0)
    rows = rows.with_columns(list_cost=pl.when(known).then(pl.col("whole") // int128(MILLION)))
    by_token = (pl.col("list_cost") == pl.col("cost")).fill_null(value=False) & (pl.col("tokens") > 0)
    discounted = pl.col("price_rule").is_not_null() & (pl.col("status") == "priced")
    rows = rows.with_columns(
        by_token=by_token,
        # under a contract the list cost is what the list price would have been; else there is but the one price
        list_cost=pl.when(discounted).then(pl.coalesce("list_cost", "cost")).otherwise("cost"),
    )
    return rows.select(_columns(grain)).select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())


def _columns(grain: Grain) -> list[pl.Expr]:
    start, token, text = pl.col("start"), pl.col("by_token"), pl.String()
    month, used = start.dt.truncate("1mo"), pl.col("tokens") > 0
    cost, listed = from_pico(pl.col("cost")), from_pico(pl.col("list_cost"))
    name = pl.col("provider").replace_strict(_NAMES, default=pl.col("provider")).fill_null("unknown")
    sku = pl.concat_str("sku", "component", separator=":")
    no_text = [pl.lit(None, text).alias(column) for column in SCHEMA if SCHEMA[column] == text and column not in _SET]
    no_number = [pl.lit(None, pl.Decimal(38, 12)).alias(column) for column in _NUMBERS]
    unit_list = pl.when(token).then(from_pico(pl.col("pico"))).otherwise(listed)
    unit_own = pl.when(token).then(from_pico(pl.col("pico"))).otherwise(cost)
    tokens, millions = (from_pico(pl.col("tokens") * int128(unit)) for unit in (10**12, MILLION))
    details = {"x_Batch": pl.when("batch").then(pl.lit("true")), "x_ServiceTier": pl.col("service_tier")}
    category = pl.when(pl.col("status") == "priced").then(pl.lit("Standard")).otherwise(pl.lit("Other"))
    return [
        cost.alias("BilledCost"),
        cost.alias("EffectiveCost"),
        cost.alias("ContractedCost"),
        listed.alias("ListCost"),
        pl.lit("marginlake").alias("BillingAccountId"),
        pl.lit("marginlake").alias("BillingAccountName"),
        pl.lit("Lake").alias("BillingAccountType"),
        pl.lit("USD").alias("BillingCurrency"),
        month.alias("BillingPeriodStart"),
        month.dt.offset_by("1mo").alias("BillingPeriodEnd"),
        pl.lit("Usage").alias("ChargeCategory"),
        pl.lit("Usage-Based").alias("ChargeFrequency"),
        pl.concat_str("sku", pl.lit(" "), pl.col("meter").str.to_lowercase()).alias("ChargeDescription"),
        start.alias("ChargePeriodStart"),
        start.dt.offset_by({"call": "1s", "hour": "1h", "day": "1d"}[grain]).alias("ChargePeriodEnd"),
        pl.when(used).then(tokens).otherwise(pl.col("calls").cast(pl.Decimal(38, 12))).alias("ConsumedQuantity"),
        pl.when(used).then(pl.lit("Tokens")).otherwise(pl.lit("Requests")).alias("ConsumedUnit"),
        unit_own.alias("ContractedUnitPrice"),
        unit_list.alias("ListUnitPrice"),
        pl.when(token).then(millions).otherwise(pl.lit(1)).alias("PricingQuantity"),
        pl.when(token).then(pl.lit("1000000 Tokens")).otherwise(pl.lit("Charges")).alias("PricingUnit"),
        category.alias("PricingCategory"),
        pl.coalesce("original_currency", pl.lit("USD")).alias("PricingCurrency"),
        *(name.alias(column) for column in ("InvoiceIssuerName", "ProviderName", "PublisherName")),
        pl.concat_str(name, pl.lit(" API")).alias("ServiceName"),
        pl.lit(CATEGORY).alias("ServiceCategory"),
        pl.lit(SUBCATEGORY).alias("ServiceSubcategory"),
        pl.col("region").alias("RegionId"),
        pl.col("region").alias("RegionName"),
        sku.alias("SkuId"),
        pl.col("meter").alias("SkuMeter"),
        pl.concat_str(pl.coalesce(pl.concat_str("rate_id", "component", separator=":"), sku)).alias("SkuPriceId"),
        _json(details).alias("SkuPriceDetails"),
        pl.col("customer").alias("SubAccountId"),
        pl.col("customer").alias("SubAccountName"),
        pl.when(pl.col("customer").is_not_null()).then(pl.lit("Customer")).alias("SubAccountType"),
        _json({"customer": pl.col("customer"), "event": _joined("events"), "product": pl.col("product")}).alias("Tags"),
        pl.col("calls").alias("x_Calls"),
        pl.col("component").alias("x_Component"),
        pl.col("cost_id").alias("x_CostIds"),
        pl.col("status").alias("x_CostStatus"),
        pl.col("customer").alias("x_CustomerId"),
        _joined("events").alias("x_EventNames"),
        pl.col("price_rule").alias("x_PriceRule"),
        pl.col("product").alias("x_ProductId"),
        pl.col("rate_id").alias("x_RateId"),
        _joined("signal_ids").alias("x_SignalIds"),
        *no_text,
        *no_number,
    ]  # fmt: skip


_SET = frozenset(
    {
        "BillingAccountId", "BillingAccountName", "BillingAccountType", "BillingCurrency", "ChargeCategory",
        "ChargeFrequency", "ChargeDescription", "ConsumedUnit", "PricingUnit", "PricingCategory", "PricingCurrency",
        "InvoiceIssuerName", "ProviderName", "PublisherName", "ServiceName", "ServiceCategory", "ServiceSubcategory",
        "RegionId", "RegionName", "SkuId", "SkuMeter", "SkuPriceId", "SkuPriceDetails", "SubAccountId",
        "SubAccountName", "SubAccountType", "Tags", "x_Component", "x_CostIds", "x_CostStatus", "x_CustomerId",
        "x_EventNames", "x_PriceRule", "x_ProductId", "x_RateId", "x_SignalIds",
    }
)  # fmt: skip
_NUMBERS = (
    "CommitmentDiscountQuantity", "PricingCurrencyContractedUnitPrice", "PricingCurrencyEffectiveCost",
    "PricingCurrencyListUnitPrice",
)  # fmt: skip


def _joined(column: str) -> pl.Expr:
    """A list of texts as one, comma separated; NULL for none."""
    return pl.when(pl.col(column).list.len() > 0).then(pl.col(column).cast(pl.List(pl.String)).list.join(","))


def _json(values: dict[str, pl.Expr]) -> pl.Expr:
    """A JSON object of the texts that are there; NULL for none of them."""
    given = [
        pl.when(value.is_not_null()).then(pl.struct(value.alias(key)).struct.json_encode().str.slice(1).str.head(-1))
        for key, value in values.items()
    ]
    inside = pl.concat_str(given, separator=",", ignore_nulls=True)
    return pl.when(inside != "").then(pl.concat_str(pl.lit("{"), inside, pl.lit("}")))
