"""The price book as used, so that every priced row can be checked against the rate it names; and the revenue rules."""

from lake.definitions import MONEY, TIME, Column, Table

_PRICES = {
    "input_mtok": "per million input tokens",
    "cache_read_mtok": "per million input tokens read from the cache",
    "cache_write_mtok": "per million input tokens written to the cache, whatever its lifetime",
    "cache_write_5m_mtok": "per million input tokens written to a 5-minute cache",
    "cache_write_1h_mtok": "per million input tokens written to a 1-hour cache",
    "output_mtok": "per million output tokens",
    "output_reasoning_mtok": "per million reasoning tokens",
    "output_citation_mtok": "per million citation tokens",
    "input_audio_mtok": "per million audio input tokens",
    "cache_audio_read_mtok": "per million audio input tokens read from the cache",
    "output_audio_mtok": "per million audio output tokens",
    "input_image_mtok": "per million image input tokens",
    "cache_image_read_mtok": "per million image input tokens read from the cache",
    "output_image_mtok": "per million image output tokens",
    "input_video_mtok": "per million video input tokens",
    "output_video_mtok": "per million video output tokens",
    "input_mchars": "per million input characters",
    "input_text_messages_kcount": "per thousand text messages",
    "audio_hours": "per hour of audio",
    "input_audio_hours": "per hour of input audio",
    "output_audio_hours": "per hour of output audio",
    "input_gpixels": "per billion input pixels",
    "input_document_kpages": "per thousand document pages",
    "input_annotated_document_kpages": "per thousand annotated document pages",
    "rerank_searches_kcount": "per thousand rerank searches",
    "web_searches_kcount": "per thousand web searches",
    "social_searches_kcount": "per thousand searches of social media",
    "storage_searches_kcount": "per thousand searches of stored files",
    "code_executions_kcount": "per thousand code executions",
    "requests_kcount": "per thousand requests",
}

_PRICES_BY_AMOUNT = {
    "input_images_kcount": "per thousand input images",
    "output_images_kcount": "per thousand images made",
    "output_video_hours": "per hour of video made",
    "output_mchars": "per million output characters",
}

RATES = Table(
    name="rates",
    comment="What a provider charges for a model: one row per price in force, US dollars as on the price page.",
    key=("rate_id",),
    columns=(
        Column("rate_id", "VARCHAR", "Identity of the rate within its price book.", required=True),
        Column("catalog_id", "VARCHAR", "Price book it belongs to: joins catalogs.", required=True),
        Column("provider", "VARCHAR", "Who serves the model.", required=True),
        Column("model", "VARCHAR", "Model of the price book.", required=True),
        Column("processing", "VARCHAR", "'batch' for the batch interface; NULL: the usual one."),
        Column("service_tier", "VARCHAR", "Service tier it is for; NULL: the standard one."),
        Column("condition", "VARCHAR", "A condition of the source that no telemetry carries."),
        Column("valid_from", TIME, "The provider charges it from here on; NULL: always did."),
        Column("valid_to", TIME, "The provider charges it until just before; NULL: still does."),
        Column("window_start", "TIME", "Time of day (UTC) from which it holds; NULL: all day."),
        Column("window_end", "TIME", "Time of day (UTC) until which it holds; NULL: all day."),
        Column("tier_min", "BIGINT", "Smallest total input of a request that gets this rate."),
        *(Column(name, "DECIMAL(38,18)", f"US dollars {per}.") for name, per in _PRICES.items()),
        Column("standard_units", "VARCHAR", "Prices the variant takes over from the standard rate."),
        Column("note", "VARCHAR", "What the source says about it."),
        Column("region", "VARCHAR", "Cloud region or data residency it is for; NULL: any other."),
        Column("weekdays", "VARCHAR", "Days of the week (UTC) on which it holds, e.g. 'mon,tue'; NULL: every day."),
        Column("currency", "VARCHAR", "Currency of the prices; NULL: US dollars."),
        Column("alias_of", "VARCHAR", "Model that the row's name stood for at that time; NULL: itself."),
        *(Column(name, "DECIMAL(38,18)", f"US dollars {per}.") for name, per in _PRICES_BY_AMOUNT.items()),
        Column("compute_hours", "DECIMAL(38,18)", "Per hour of a machine of one's own, where an own rule says so."),
    ),
)

CATALOGS = Table(
    name="catalogs",
    comment="The price books used: which data, of which version, under which licence.",
    key=("catalog_id",),
    columns=(
        Column("catalog_id", "VARCHAR", "Identity: the SHA-256 of the price book's content.", required=True),
        Column("source", "VARCHAR", "Where the data comes from."),
        Column("source_version", "VARCHAR", "Version of that data."),
        Column("licence", "VARCHAR", "Licence of that data."),
        Column("imported_at", TIME, "When these prices came to be known."),
    ),
)

REVENUE_RULES = Table(
    name="revenue_rules",
    comment="What events earn, for whom and from when on. NULL among product, event and customer matches all.",
    key=("rule_id",),
    columns=(
        Column("rule_id", "VARCHAR", "Name of the rule; event_margins.revenue_rule.", required=True),
        Column("product_id", "VARCHAR", "Product it is for."),
        Column("event_name", "VARCHAR", "Event it is for."),
        Column("customer_id", "VARCHAR", "Customer it is for."),
        Column("unit_price_usd", MONEY, "US dollars for a quantity of one."),
        Column("credits", "DECIMAL(18,6)", "Credits for a quantity of one."),
        Column("credit_value_usd", MONEY, "US dollars a credit is worth."),
        Column("quantity_path", "VARCHAR", "Where in the signal's data the quantity stands; NULL: its own quantity."),
        Column("valid_from", TIME, "In force from here on."),
        Column("valid_to", TIME, "In force until just before."),
        Column("currency", "VARCHAR", "Currency of the amounts not named _usd; NULL: US dollars."),
        Column("unit_price", MONEY, "What a quantity of one earns, in currency."),
        Column(
            "plan_price", "DECIMAL(38,12)", "What a plan costs; divided by plan_credits it is the value of a credit."
        ),
        Column("plan_credits", "DECIMAL(18,6)", "Credits that a plan grants."),
        Column("brackets", "JSON", "Credits by the quantity of the event: up_to, credits or credits_per_unit."),
        Column("tiers", "JSON", "Prices by the quantity of the billing period: up_to, unit_price, flat."),
        Column("tier_mode", "VARCHAR", "graduated or volume: how the tiers are meant."),
        Column("cost_multiplier", "DECIMAL(18,6)", "Cost-plus: what the event cost, times this."),
        Column("revenue_path", "VARCHAR", "Where in the signal's data its own figure stands."),
        Column("currency_path", "VARCHAR", "Where in the signal's data the currency of that figure stands."),
        Column("condition", "JSON", "What must hold of the signal's data for it to earn: field, operator, value."),
        Column(
            "recurring_fee", "DECIMAL(38,12)", "What a customer pays per billing period whatever happens, in currency."
        ),
        Column("spread", "BOOLEAN", "Whether that fee is divided among the events of the period."),
        Column("period_months", "BIGINT", "Length of the billing period; NULL: one month."),
        Column("anchor_day", "BIGINT", "Day of the month on which it begins; NULL: that of valid_from, else 1."),
    ),
)
