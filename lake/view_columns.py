"""What the columns of views mean.

DuckLake keeps comments on views, on tables and on their columns, but none on the columns of views; so these meanings
stand here and in docs/tables.md.
"""

from collections.abc import Mapping
from types import MappingProxyType

from lake.schema import TABLES

_PASSED_ON = {"billable_costs": "costs", "unclaimed_costs": "costs"}
"""Views that show a table's rows as they are."""

_OF_ONE_VIEW = {
    ("event_costs", "cost_usd"): "Known costs the event bears, shared ones in its share.",
    ("event_costs", "margin_usd"): "revenue_usd - cost_usd; NULL when either is not fully known.",
    ("event_roi", "cost_usd"): "Known costs the event bears.",
    ("event_roi", "margin_usd"): "revenue_usd - cost_usd; NULL when either is not fully known.",
    ("worst_events", "margin_usd"): "revenue_usd - cost_usd.",
    ("price_changes", "calls"): "Calls charged at the new price.",
    ("price_changes", "cost_usd"): "What those calls cost; NULL: there was none.",
    ("price_changes", "model"): "Model of the price book.",
    ("price_changes", "service_tier"): "Service tier it is for; NULL: the standard one.",
    ("price_changes", "region"): "Cloud region or data residency it is for; NULL: any other.",
    ("price_changes", "catalog_id"): "Price book it belongs to: joins catalogs.",
    ("reported_costs_daily", "cost_usd"): "What we charge those calls.",
    ("reported_costs_daily", "reported_cost_usd"): "What their senders say they cost.",
    ("unmapped_kinds", "name"): "What the instrumentation called the span.",
    ("unmapped_kinds", "reason"): "Why nothing understands it.",
    ("ingest_progress", "source"): "'journal', or 'import:' and the SHA-256 of a file.",
    ("ingest_progress", "updated_at"): "When it moved.",
}

_COMMON = {
    "amount": "How much, in the unit.",
    "cache_read_mtok_before": "US dollars per million input tokens read from the cache, before the change.",
    "cache_write_tokens": "Input tokens written to a cache.",
    "calls": "Calls, each counted once.",
    "calls_without_customer": "Calls of which nobody knows whom they served.",
    "calls_without_usage": "Calls that reported no usage.",
    "changed_at": "When the provider began to charge the new price.",
    "charged_usd": "What was charged for the tokens read from and written to caches.",
    "cost_usd": "Known costs; NULL: none is known.",
    "customer_id": "Customer served; NULL: nobody's.",
    "day": "Day, UTC.",
    "difference_usd": "reported_cost_usd - cost_usd.",
    "drift_pct": "100 * difference_usd / cost_usd; NULL when that is 0.",
    "estimated_calls": "Calls, sampled ones counted for what they stand for.",
    "estimated_cost_usd": "Known costs, those of sampled calls times what they stand for.",
    "event_name": "What happened, in the product's words; NULL: the cost belongs to no event.",
    "failed_calls": "Calls that ended in an error.",
    "failed_cost_usd": "What they cost all the same; NULL: none of it is known.",
    "failed_pct": "100 * failed_calls / calls.",
    "failed_unpriced_calls": "Failed calls of unknown cost.",
    "first_seen": "When the first of them happened.",
    "full_rate_usd": "What the tokens read from and written to caches would have cost as plain input.",
    "input_mtok_before": "US dollars per million input tokens, before the change.",
    "last_seen": "When the last of them happened.",
    "linked_cost_usd": "Known costs that events bear.",
    "margin_known_usd": "Known revenue - known costs.",
    "margin_pct": "100 * margin_usd / revenue_usd; NULL when unknown or nothing was earned.",
    "margin_usd": "Revenue - all costs; NULL while a part of it is unknown.",
    "model": "Model that was charged; unpriced: as it was named.",
    "model_calls": "Calls that the events bear; a call of several events counts for each.",
    "models": "The models that answered, in the order of their names; NULL: none did.",
    "month": "First day of the month, UTC.",
    "occurred_at": "When it happened.",
    "output_mtok_before": "US dollars per million output tokens, before the change.",
    "previous_rate_id": "Rate in force before: joins rates.",
    "priced_calls": "Calls of known cost.",
    "priced_pct": "100 * priced_calls / calls.",
    "product_id": "Product or agent; NULL: not said.",
    "reported_cost_usd": "What the senders say it cost.",
    "retried_calls": "Failed calls after which the same span asked the same model again.",
    "retried_cost_usd": "What those cost; NULL: none of it is known.",
    "revenue_usd": "What the events earned, as far as known; NULL: nothing is known.",
    "roi": "value_usd / revenue_usd; NULL when unknown or nothing was paid.",
    "saved_usd": "full_rate_usd - charged_usd.",
    "signal_id": "The event: joins signals.",
    "signals": "Events.",
    "signals_without_margin": "Events of unknown margin.",
    "signals_without_revenue": "Events of unknown revenue: no rule says.",
    "spans": "Spans of this kind.",
    "unclaimed_cost_usd": "Known costs that no event bears.",
    "unknown": "Events whose data could not be read.",
    "unknown_calls": "Calls that used a cache at a price that the rate does not show.",
    "unpriced_calls": "Calls of unknown cost.",
    "untraced_signals": "Events whose cost is not traced.",
    "value_usd": "Value delivered to the customers, as far as known.",
    "worst_cost_id": "The call furthest apart: joins costs.",
}

_OF_TABLES = MappingProxyType(
    {column.name: column.comment for table in reversed(tuple(TABLES.values())) for column in table.columns}
)
"""Meanings of table columns, that of the first table where several have the name."""


def meaning(view: str, column: str) -> str | None:
    """What a view's column means; None when nobody has said so."""
    if passed_on := _PASSED_ON.get(view):
        return _by_name(passed_on)[column]
    return _OF_ONE_VIEW.get((view, column)) or _COMMON.get(column) or _OF_TABLES.get(column)


def _by_name(table: str) -> Mapping[str, str]:
    return {column.name: column.comment for column in TABLES[table].columns}
