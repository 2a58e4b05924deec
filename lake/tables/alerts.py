"""What was found wrong, and who was told: the alerts."""

from lake.definitions import TIME, Column, Table

_FIGURE = "DECIMAL(38,12)"

ALERTS = Table(
    name="alerts",
    comment="One row per alert rule, scope and window that fired: what was found, and whether it was delivered.",
    key=("alert_id",),
    columns=(
        Column("alert_id", "VARCHAR", "Identity: a hash of rule, scope, window and level.", required=True),
        Column("rule", "VARCHAR", "Name of the rule in the settings.", required=True),
        Column(
            "kind", "VARCHAR", "margin_below, unclaimed_above, unpriced_above, ...: what it watches.", required=True
        ),
        Column("severity", "VARCHAR", "info, warning or critical.", required=True),
        Column("customer_id", "VARCHAR", "Customer it is about; NULL: all that the rule looks at."),
        Column("product_id", "VARCHAR", "Product it is about; NULL: all that the rule looks at."),
        Column("event_name", "VARCHAR", "Event it is about; NULL: all that the rule looks at."),
        Column("window_start", TIME, "Begin of the time it is about.", required=True),
        Column("window_end", TIME, "End of that time, exclusive.", required=True),
        Column("level", "DECIMAL(18,6)", "Which percentage of a budget; NULL for other kinds."),
        Column("value", _FIGURE, "The figure when it fired; NULL: costs and no revenue."),
        Column("threshold", _FIGURE, "The figure from which on it fires.", required=True),
        Column("unit", "VARCHAR", "Unit of both: %, USD or calls.", required=True),
        Column("state", "VARCHAR", "firing or resolved.", required=True),
        Column("note", "VARCHAR", "What else there is to know of the figure."),
        Column("fired_at", TIME, "When we found it.", required=True),
        Column("resolved_at", TIME, "When we found it gone."),
        Column("delivered_at", TIME, "When the webhook took the present state."),
        Column("attempts", "BIGINT", "How often its delivery was begun.", required=True),
        Column("next_attempt_at", TIME, "When it is delivered (again); NULL: delivered, given up, or nobody to tell."),
        Column("last_error", "VARCHAR", "Why the last attempt failed."),
    ),
)
