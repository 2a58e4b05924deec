"""The rules that say what an event earns, as last configured."""

from lake.definitions import TIME, Column, Table

REVENUE_RULES = Table(
    name="revenue_rules",
    comment="What an event earns: the rules in use, by which event_margins were worked out.",
    key=("rule_id",),
    columns=(
        Column("rule_id", "VARCHAR", "Name of the rule: event_margins.revenue_rule.", required=True),
        Column("customer_id", "VARCHAR", "Customer it is for; NULL: all."),
        Column("product_id", "VARCHAR", "Product it is for; NULL: all."),
        Column("event_name", "VARCHAR", "Event it is for; NULL: all."),
        Column("unit_price_usd", "DECIMAL(38,12)", "US dollars for a quantity of one; NULL when priced in credits."),
        Column("credits", "DECIMAL(38,12)", "Credits for a quantity of one."),
        Column("credit_value_usd", "DECIMAL(38,12)", "US dollars a credit is worth."),
        Column("quantity_path", "VARCHAR", "Where in the event's data the quantity is; NULL: its own quantity."),
        Column("valid_from", TIME, "In force from here on; NULL: always was."),
        Column("valid_to", TIME, "In force until just before; NULL: still is."),
    ),
)
