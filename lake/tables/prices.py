"""The price book as used, so that every priced row can be checked against the rate it names."""

from lake.definitions import TIME, Column, Table

_UNITS = {
    "input": "input token, text and uncached",
    "cache_read": "input token read from the cache",
    "cache_write_5m": "input token written to a 5-minute cache",
    "cache_write_1h": "input token written to a 1-hour cache",
    "output": "output token, reasoning included",
    "audio_input": "audio input token",
    "audio_output": "audio output token",
    "image_input": "image input token",
    "image_output": "image output token",
    "search": "search run by the provider",
    "request": "request",
}

RATES = Table(
    name="rates",
    comment="What a provider charges for a model, from when to when, by long-context tier; dollars per single unit.",
    key=("rate_id",),
    columns=(
        Column("rate_id", "VARCHAR", "Identity: a hash of the rate's own content.", required=True),
        Column("catalog_id", "VARCHAR", "Price book it came with: joins catalogs.", required=True),
        Column("provider", "VARCHAR", "Who serves the model.", required=True),
        Column("model", "VARCHAR", "Model of the price book.", required=True),
        Column("valid_from", TIME, "The provider charges it from here on; NULL: always did."),
        Column("valid_to", TIME, "The provider charges it until just before; NULL: still does."),
        Column("tier_min", "BIGINT", "Smallest total input of a request that gets this rate.", required=True),
        Column("service_tier", "VARCHAR", "Service tier it is for; NULL: the standard one."),
        Column("batch", "BOOLEAN", "Whether it is the batch price."),
        *(Column(f"{unit}_usd", "DECIMAL(38,18)", f"Dollars per {what}.") for unit, what in _UNITS.items()),
        Column("recorded_at", TIME, "When the price book in which we learnt it was made."),
        Column("note", "VARCHAR", "What had to be assumed."),
    ),
)

CATALOGS = Table(
    name="catalogs",
    comment="The price books used: which data, of which version, under which licence.",
    key=("catalog_id",),
    columns=(
        Column("catalog_id", "VARCHAR", "Identity: a hash of the price book's content.", required=True),
        Column("source", "VARCHAR", "Where the data comes from."),
        Column("source_version", "VARCHAR", "Version of that data."),
        Column("licence", "VARCHAR", "Licence of that data."),
        Column("recorded_at", TIME, "When the price book was made."),
        Column("imported_at", TIME, "When this lake first used it."),
    ),
)
