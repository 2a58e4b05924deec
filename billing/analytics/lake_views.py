"""Views of the lake. Money is exact in fractional US cents.

Customers and products are joined by every name that they go by; an event of a customer nobody has made yet has a NULL
`customer_id`.
"""

from typing import Final

from billing.analytics.view import CENTS, TIME, View, columns

_WHO: Final = (
    ("customer_id", "VARCHAR", "The customer's id (cus_…); NULL for a customer that nobody has made."),
    ("external_customer_id", "VARCHAR", "The customer as its sender names it."),
    ("product_id", "VARCHAR", "The product's id (prod_…); NULL for a product that nobody has made."),
    ("external_product_id", "VARCHAR", "The product as its sender names it."),
)


def _cents(column: str) -> str:
    return f"CAST({column} AS DECIMAL(38,12)) * 100"


def _named(alias: str) -> str:
    return (
        f"c.customer_id, {alias}.customer_id AS external_customer_id, "
        f"p.product_id, {alias}.product_id AS external_product_id"
    )


def _names(alias: str) -> str:
    return (
        f"LEFT JOIN customer_names AS c ON c.name = {alias}.customer_id "
        f"LEFT JOIN product_names AS p ON p.name = {alias}.product_id"
    )


_NAMES: Final = ("customer_names", "product_names")

LAKE_VIEWS: Final = (
    View(
        "fact_signal", "Billable events, with what each earned, cost and delivered.",
        columns(
            ("signal_id", "VARCHAR", "The signal."),
            ("event_name", "VARCHAR", "What happened."),
            *_WHO,
            ("occurred_at", TIME, "When it happened."),
            ("received_at", TIME, "When it came."),
            ("trace_id", "VARCHAR", "The trace it came in."),
            ("idempotency_key", "VARCHAR", "The sender's key."),
            ("quantity", "DECIMAL(18,6)", "How many; 1 where the data does not say."),
            ("data", "JSON", "What the sender said besides."),
            ("revenue_amount", CENTS, "What it earned, US cents; NULL: not known."),
            ("cost_amount", CENTS, "What its model calls cost, US cents; NULL: not known."),
            ("margin_amount", CENTS, "Revenue less cost, US cents; NULL: not known."),
            ("value_amount", CENTS, "What it is worth to the customer, US cents; NULL: not known."),
            ("cost_status", "VARCHAR", "What is known of its cost."),
            ("model_calls", "BIGINT", "How many model calls it bears."),
        ),
        sql=f"""
            SELECT s.signal_id, s.event_name, {_named("s")}, s.occurred_at, s.received_at, s.trace_id,
                   s.idempotency_key, s.quantity, CAST(s.data AS JSON) AS data,
                   {_cents("m.revenue_usd")} AS revenue_amount, {_cents("m.cost_usd")} AS cost_amount,
                   {_cents("m.margin_usd")} AS margin_amount, {_cents("m.value_usd")} AS value_amount,
                   m.cost_status, m.model_calls
            FROM lake.main.signals AS s LEFT JOIN lake.main.event_margins AS m ON m.signal_id = s.signal_id
            {_names("s")}""",
        needs=_NAMES,
    ),
    View(
        "fact_cost", "Model calls and other costs, each once.",
        columns(
            ("cost_id", "VARCHAR", "The cost."),
            ("source", "VARCHAR", "span, api or signal."),
            *_WHO,
            ("occurred_at", TIME, "When."),
            ("trace_id", "VARCHAR", "The trace of the call."),
            ("span_id", "VARCHAR", "The span of the call."),
            ("vendor", "VARCHAR", "Who charges it."),
            ("model", "VARCHAR", "The model."),
            ("operation", "VARCHAR", "chat, embeddings, …"),
            ("input_tokens", "BIGINT", "All input tokens, cached ones included."),
            ("cache_read_tokens", "BIGINT", "Those of them read from a cache."),
            ("output_tokens", "BIGINT", "All output tokens, reasoning included."),
            ("reasoning_tokens", "BIGINT", "Those of them spent on reasoning."),
            ("cost_amount", CENTS, "US cents, fractional; NULL: not known."),
            ("status", "VARCHAR", "priced, zero_rated, reported or unpriced."),
        ),
        sql=f"""
            SELECT k.cost_id, k.source, {_named("k")}, k.occurred_at, k.trace_id, k.span_id, k.provider AS vendor,
                   k.model, k.operation, k.input_tokens, k.cache_read_tokens, k.output_tokens, k.reasoning_tokens,
                   {_cents("k.cost_usd")} AS cost_amount, k.status
            FROM lake.main.costs AS k {_names("k")} WHERE k.status <> 'aggregate'""",
        needs=_NAMES,
    ),
    View(
        "fact_signal_cost", "Which event bears which cost; shares add up to the costs exactly.",
        columns(
            ("signal_id", "VARCHAR", "The event."),
            ("cost_id", "VARCHAR", "The cost."),
            ("rule", "VARCHAR", "Why."),
            ("cost_amount", CENTS, "The share, US cents; NULL: not known."),
            ("occurred_at", TIME, "When the cost arose."),
        ),
        sql=f"""SELECT signal_id, cost_id, rule, {_cents("cost_usd")} AS cost_amount, occurred_at
            FROM lake.main.cost_links""",
    ),
    View(
        "fact_value", "What each event delivered, by value metric.",
        columns(
            ("signal_id", "VARCHAR", "The event."),
            ("metric", "VARCHAR", "The metric's slug."),
            ("event_name", "VARCHAR", "What happened."),
            *_WHO,
            ("occurred_at", TIME, "When."),
            ("amount", "DECIMAL(18,6)", "How much; NULL: not known."),
            ("unit", "VARCHAR", "Of what."),
            ("value_amount", CENTS, "What that is worth, US cents; NULL: not known, or not counted in money."),
            ("note", "VARCHAR", "Why it is not known."),
        ),
        sql=f"""
            SELECT v.signal_id, v.metric, s.event_name, {_named("s")}, v.occurred_at, v.amount, v.unit,
                   {_cents("v.value_usd")} AS value_amount, v.note
            FROM lake.main.event_values AS v JOIN lake.main.signals AS s ON s.signal_id = v.signal_id
            {_names("s")}""",
        needs=_NAMES,
    ),
)  # fmt: skip
"""In the order of the documentation."""
