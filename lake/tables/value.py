"""The value models used: what each event is worth to the customer, in which version from when on."""

from lake.definitions import TIME, Column, Table

VALUE_MODELS = Table(
    name="value_models",
    comment="Versions of the value model, as written. An event goes by the newest one in force when it happened.",
    key=("version",),
    columns=(
        Column("version", "BIGINT", "Number of the version; event_values.model_version.", required=True),
        Column(
            "content", "JSON", "The model: metric (of the configuration), model (a manifest), groups.", required=True
        ),
        Column("effective_from", TIME, "In force for events from here on; NULL: since ever."),
        Column("effective_to", TIME, "In force until just before; NULL: without end."),
        Column("recorded_at", TIME, "When the lake first had it."),
    ),
)
