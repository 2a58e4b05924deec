"""What was worked out: which event bears which cost, its margin and the value it delivered."""

from lake.definitions import MONEY, TIME, Column, Lookup, Table

COST_LINKS = Table(
    name="cost_links",
    comment="Which signal bears which cost. The links of one cost add up to that cost exactly.",
    key=("cost_id", "signal_id"),
    time_column="occurred_at",
    lookups=(
        Lookup("trace_id", "trace"),
        Lookup("cost_id", "trace", "substr({column}, 6, 32)"),
        Lookup("signal_id", "signal"),
    ),
    columns=(
        Column("cost_id", "VARCHAR", "The cost borne: joins costs.", required=True),
        Column("signal_id", "VARCHAR", "The event that bears it: joins signals and event_margins.", required=True),
        Column("rule", "VARCHAR", "stated, scope, trace, scope_split or trace_split: why.", required=True),
        Column("cost_usd", MONEY, "The share borne; NULL for an unpriced call."),
        Column("trace_id", "VARCHAR", "Trace of the cost."),
        Column("occurred_at", TIME, "When the cost occurred."),
        Column("event_at", TIME, "When the event happened."),
    ),
)

EVENT_MARGINS = Table(
    name="event_margins",
    comment="One row per signal: what it earned, what it cost, what is left.",
    key=("signal_id",),
    time_column="occurred_at",
    lookups=(Lookup("signal_id", "signal"),),
    bookkeeping=frozenset({"updated_at"}),
    columns=(
        Column("signal_id", "VARCHAR", "The event: joins signals.", required=True),
        Column("event_name", "VARCHAR", "What happened, in the product's words.", required=True),
        Column("customer_id", "VARCHAR", "Customer billed."),
        Column("product_id", "VARCHAR", "Product or agent."),
        Column("occurred_at", TIME, "When it happened.", required=True),
        Column("revenue_usd", MONEY, "What the event earns; NULL when no rule says."),
        Column("revenue_rule", "VARCHAR", "The rule that says."),
        Column("cost_usd", MONEY, "Sum of the linked costs that are known; NULL when none is or it is untraced."),
        Column("margin_usd", MONEY, "revenue_usd - cost_usd; NULL when either is not fully known."),
        Column("margin_pct", "DECIMAL(18,6)", "100 * margin / revenue; NULL when revenue is NULL or 0."),
        Column(
            "value_usd", MONEY, "Value delivered to the customer, all metrics; NULL where none, or a part is unknown."
        ),
        Column("model_calls", "BIGINT", "Calls linked to the event."),
        Column("unpriced_calls", "BIGINT", "How many of them have no known price."),
        Column("cost_status", "VARCHAR", "complete, no_calls, partial, unpriced or untraced.", required=True),
        Column("updated_at", TIME, "When we worked it out (bookkeeping)."),
        Column("recurring_usd", MONEY, "The event's share of a recurring fee, part of revenue_usd."),
        Column("original_currency", "VARCHAR", "Currency in which it earns, where that is not US dollars."),
        Column("original_revenue", MONEY, "What it earns in that currency, without a share of a fee."),
        Column("fx_rate", MONEY, "US dollars for one unit of that currency on that day."),
        Column("cost_repeated", "BOOLEAN", "Whether other events show the same costs in full: do not add cost_usd up."),
    ),
)

EVENT_VALUES = Table(
    name="event_values",
    comment="One row per signal and value metric.",
    key=("signal_id", "metric"),
    time_column="occurred_at",
    lookups=(Lookup("signal_id", "signal"),),
    columns=(
        Column("signal_id", "VARCHAR", "The event: joins signals.", required=True),
        Column("metric", "VARCHAR", "What was measured.", required=True),
        Column("occurred_at", TIME, "When the event happened."),
        Column("amount", "DECIMAL(18,6)", "How much, in the unit."),
        Column("unit", "VARCHAR", "Unit of amount."),
        Column("value_usd", MONEY, "What that is worth."),
        Column("model_version", "VARCHAR", "Version of the value model that says so: joins value_models."),
        Column("note", "VARCHAR", "Why amount or value_usd is unknown; NULL where nothing is amiss."),
    ),
)
