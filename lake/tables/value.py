"""What events are worth to customers: the value models, every version of them."""

from lake.definitions import TIME, Column, Table

VALUE_MODELS = Table(
    name="value_models",
    comment="The value models: what events are worth to customers, every version with its dates.",
    key=("model_version",),
    columns=(
        Column("model_version", "VARCHAR", "Version; event_values.model_version.", required=True),
        Column("effective_from", TIME, "Events from here on are valued by it; NULL: since ever."),
        Column("effective_to", TIME, "Events until just before are valued by it; NULL: until another takes over."),
        Column("content", "JSON", "The model as it was given.", required=True),
        Column("created_at", TIME, "When we came to know it (bookkeeping)."),
    ),
    bookkeeping=frozenset({"created_at"}),
)
