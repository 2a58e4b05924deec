"""What whole days came to, worked out once, and which days that still holds for."""

from lake.definitions import TIME, Column, Table

_SUM = "DECIMAL(38,12)"

MARGIN_ROLLUP = Table(
    name="margin_rollup",
    comment="The rows of margin_daily for days that are rolled up. Read margin_daily, which knows whether they hold.",
    key=("day", "customer_id", "product_id", "event_name"),
    columns=(
        Column("day", "DATE", "Day, UTC.", required=True),
        Column("customer_id", "VARCHAR", "Customer served."),
        Column("product_id", "VARCHAR", "Product or agent."),
        Column("event_name", "VARCHAR", "What happened; NULL: costs that no event bears."),
        Column("signals", "BIGINT", "Events.", required=True),
        Column("revenue_usd", _SUM, "What they earn, as far as known."),
        Column("linked_cost_usd", _SUM, "Costs they bear, as far as known.", required=True),
        Column("unclaimed_cost_usd", _SUM, "Costs that no event bears, as far as known.", required=True),
        Column("margin_usd", _SUM, "Revenue less costs; NULL when one of them is not fully known."),
        Column("value_usd", _SUM, "Value delivered."),
        Column("unpriced_calls", "BIGINT", "Calls without a known price.", required=True),
        Column("signals_without_revenue", "BIGINT", "Events whose revenue no rule says.", required=True),
        Column("untraced_signals", "BIGINT", "Events whose costs are not traced.", required=True),
        Column("estimated_cost_usd", _SUM, "All costs, sampled calls for what they stand for.", required=True),
    ),
)

ROLLED_DAYS = Table(
    name="rolled_days",
    comment="Days up to the last that was rolled up. A day before that without a row has no events and no costs.",
    key=("day",),
    columns=(
        Column("day", "DATE", "Day, UTC.", required=True),
        Column("rolled_at", TIME, "When it was rolled up; NULL: it changed since, and is worked out as it is read."),
        Column("claim", "VARCHAR", "The rollup that works on it right now; gone when the day changes meanwhile."),
    ),
)
