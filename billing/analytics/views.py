"""The views that queries of the API see: `dim_*` from the business database, `fact_*` mostly from the lake.

Money is in minor units (cents); what comes from the lake is exact in fractional cents. Customers and products are
joined by every name that they go by; an event of a customer nobody has made yet has a NULL `customer_id`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Executable, select, union_all
from sqlalchemy.orm import Session

from billing.ledger.transactions import Filter, transactions
from billing.tables.catalog import Plan, Product, ProductAttribute
from billing.tables.customers import Customer, CustomerAlias
from billing.tables.ledger import CreditCurrency
from billing.tables.orders import Order, OrderLine
from billing.tables.receipts import ValueReceipt

Rows = Callable[[Session], Iterable[Any]]


@dataclass(frozen=True)
class Column:
    """A column. type: as DuckDB calls it."""

    name: str
    type: str
    comment: str


@dataclass(frozen=True)
class View:
    """A view: rows of the business database, or a query over the lake that may use the views `needs`."""

    name: str
    comment: str
    columns: tuple[Column, ...]
    rows: Rows | None = None
    sql: str = ""
    needs: tuple[str, ...] = ()


def _of(query: Executable) -> Rows:
    return lambda session: session.execute(query)


def _columns(*columns: tuple[str, str, str]) -> tuple[Column, ...]:
    return tuple(Column(*each) for each in columns)


_TIME: Final = "TIMESTAMP WITH TIME ZONE"
_CENTS: Final = "DECIMAL(38,12)"
_STAMPS: Final = (("created_at", _TIME, "When it was made."), ("updated_at", _TIME, "When it last changed."))
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

HELPERS: Final = (
    View(
        "customer_names", "",
        _columns(("name", "VARCHAR", ""), ("customer_id", "VARCHAR", "")),
        rows=lambda session: session.execute(union_all(
            select(Customer.id, Customer.id),
            select(Customer.external_id, Customer.id).where(Customer.external_id.is_not(None)),
            select(CustomerAlias.alias, CustomerAlias.customer_id),
        )),
    ),
    View(
        "product_names", "",
        _columns(("name", "VARCHAR", ""), ("product_id", "VARCHAR", "")),
        rows=lambda session: session.execute(union_all(
            select(Product.id, Product.id),
            select(Product.external_id, Product.id).where(Product.external_id.is_not(None)),
        )),
    ),
)  # fmt: skip
"""What other views stand on; no query sees them."""

VIEWS: Final = (
    View(
        "dim_customer", "Customers, deleted ones too.",
        _columns(
            ("customer_id", "VARCHAR", "The id (cus_…)."),
            ("external_id", "VARCHAR", "The caller's own id."),
            ("name", "VARCHAR", "The name."),
            ("email", "VARCHAR", "The address that bills go to."),
            ("default_currency", "VARCHAR", "ISO 4217."),
            ("creation_state", "VARCHAR", "draft or active."),
            ("parent_customer_id", "VARCHAR", "The customer that pays for it."),
            ("auto_created", "BOOLEAN", "Whether an event of an unknown customer made it."),
            ("churned_at", _TIME, "When it left."),
            ("deleted_at", _TIME, "When it was deleted."),
            *_STAMPS,
        ),
        rows=_of(select(
            Customer.id, Customer.external_id, Customer.name, Customer.email, Customer.default_currency,
            Customer.creation_state, Customer.parent_id, Customer.auto_created, Customer.churn_date,
            Customer.deleted_at, Customer.created_at, Customer.updated_at,
        )),
    ),
    View(
        "dim_product", "Products, archived ones too.",
        _columns(
            ("product_id", "VARCHAR", "The id (prod_…)."),
            ("external_id", "VARCHAR", "The caller's own id; on spans: the agent."),
            ("name", "VARCHAR", "The name."),
            ("description", "VARCHAR", "What it is."),
            ("active", "BOOLEAN", "Whether it is sold."),
            ("product_code", "VARCHAR", "Its code elsewhere."),
            ("archived_at", _TIME, "When it was put away."),
            *_STAMPS,
        ),
        rows=_of(select(
            Product.id, Product.external_id, Product.name, Product.description, Product.active, Product.product_code,
            Product.archived_at, Product.created_at, Product.updated_at,
        )),
    ),
    View(
        "dim_product_attribute", "What of a product has a price.",
        _columns(
            ("product_attribute_id", "VARCHAR", "The id (pa_…)."),
            ("product_id", "VARCHAR", "Of which product."),
            ("name", "VARCHAR", "The name."),
            ("active", "BOOLEAN", "Whether it is sold."),
            ("pricing_type", "VARCHAR", "Kind of price; NULL until there is one."),
            ("event_name", "VARCHAR", "The event that a usage price is for."),
            *_STAMPS,
        ),
        rows=lambda session: (
            (row.id, row.product_id, row.name, row.active, (row.pricing or {}).get("pricingType"),
             (row.pricing or {}).get("eventName"), row.created_at, row.updated_at)
            for row in session.scalars(select(ProductAttribute))
        ),
    ),
    View(
        "dim_plan", "Ways to buy a product.",
        _columns(
            ("plan_id", "VARCHAR", "The id (plan_…)."),
            ("external_id", "VARCHAR", "The caller's own id."),
            ("product_id", "VARCHAR", "Of which product."),
            ("name", "VARCHAR", "The name."),
            ("is_default", "BOOLEAN", "Whether orders that name no plan follow it."),
            ("status", "VARCHAR", "active or archived."),
            ("archived_at", _TIME, "When it was put away."),
            *_STAMPS,
        ),
        rows=_of(select(
            Plan.id, Plan.external_id, Plan.product_id, Plan.name, Plan.is_default, Plan.status, Plan.archived_at,
            Plan.created_at, Plan.updated_at,
        )),
    ),
    View(
        "dim_order", "Orders, deleted ones too.",
        _columns(
            ("order_id", "VARCHAR", "The id (ord_…)."),
            ("external_id", "VARCHAR", "The caller's own id."),
            ("customer_id", "VARCHAR", "Whose it is."),
            ("billing_customer_id", "VARCHAR", "Who pays; NULL: the customer, or its parent."),
            ("name", "VARCHAR", "The name."),
            ("creation_state", "VARCHAR", "draft or active."),
            ("currency", "VARCHAR", "ISO 4217."),
            ("start_date", _TIME, "From when on it runs."),
            ("end_date", _TIME, "Until when (exclusive); NULL: without end."),
            ("activated_at", _TIME, "When it was activated."),
            ("paused_at", _TIME, "Since when it is paused."),
            ("deleted_at", _TIME, "When it was deleted."),
            *_STAMPS,
        ),
        rows=_of(select(
            Order.id, Order.external_id, Order.customer_id, Order.billing_customer_id, Order.name,
            Order.creation_state, Order.currency, Order.start_date, Order.end_date, Order.activated_at,
            Order.paused_at, Order.deleted_at, Order.created_at, Order.updated_at,
        )),
    ),
    View(
        "dim_order_line", "The products of orders.",
        _columns(
            ("order_line_id", "VARCHAR", "The id (ol_…)."),
            ("order_id", "VARCHAR", "Of which order."),
            ("product_id", "VARCHAR", "What is bought."),
            ("plan_id", "VARCHAR", "By which plan; NULL: as the product or its default plan says."),
            ("name", "VARCHAR", "The name."),
            ("line_type", "VARCHAR", "STANDARD, or what an amendment made of it."),
            ("start_date", _TIME, "From when on."),
            ("end_date", _TIME, "Until when (exclusive); NULL: without end."),
        ),
        rows=_of(select(
            OrderLine.id, OrderLine.order_id, OrderLine.product_id, OrderLine.plan_id, OrderLine.name,
            OrderLine.line_type, OrderLine.start_date, OrderLine.end_date,
        )),
    ),
    View(
        "dim_credit_currency", "Kinds of credits.",
        _columns(
            ("credit_currency_id", "VARCHAR", "The id (cc_…)."),
            ("key", "VARCHAR", "The unique key."),
            ("name", "VARCHAR", "The name."),
            ("status", "VARCHAR", "active or archived."),
            *_STAMPS,
        ),
        rows=_of(select(
            CreditCurrency.id, CreditCurrency.key, CreditCurrency.name, CreditCurrency.status,
            CreditCurrency.created_at, CreditCurrency.updated_at,
        )),
    ),
    View(
        "fact_credit_transaction", "What was granted to customers and what they spent.",
        _columns(
            ("transaction_id", "VARCHAR", "The id (txn_…)."),
            ("type", "VARCHAR", "grant, spend or pendingGrant."),
            ("amount", "DECIMAL(18,6)", "Credits; negative where they are fewer after it."),
            ("origin", "VARCHAR", "Where the credits came from."),
            ("customer_id", "VARCHAR", "Whose they are."),
            ("currency_key", "VARCHAR", "Which credits."),
            ("event_name", "VARCHAR", "The event that spent them."),
            ("signal_id", "VARCHAR", "The signal that spent them."),
            ("order_id", "VARCHAR", "By which order."),
            ("product_id", "VARCHAR", "For which product."),
            ("occurred_at", _TIME, "When; of a spend: the signal's time."),
        ),
        rows=lambda session: (
            (each.id, each.type, each.amount, each.origin, each.customer_id, each.currency_key, each.event_name,
             each.signal_id, each.order_id, each.product_id, each.created_at)
            for each in transactions(session, Filter(), 2**31, 0)[0]
        ),
    ),
    View(
        "fact_value_receipt", "Value receipts.",
        _columns(
            ("receipt_id", "VARCHAR", "The id (vr_…)."),
            ("status", "VARCHAR", "draft, or posted (sealed)."),
            ("customer_id", "VARCHAR", "Whose it is."),
            ("product_id", "VARCHAR", "Of one product only."),
            ("order_id", "VARCHAR", "Of one order only."),
            ("start_date", _TIME, "From when."),
            ("end_date", _TIME, "Until when (exclusive)."),
            ("total_value_amount", _CENTS, "What all of it is worth, US cents."),
            ("generated_at", _TIME, "When it was filled."),
            ("sealed_at", _TIME, "When it was sealed."),
            ("published_at", _TIME, "When it was published."),
            ("archived_at", _TIME, "When it was put away."),
        ),
        rows=lambda session: (
            (row.id, row.status, row.customer_id, row.product_id, row.order_id, row.start_date, row.end_date,
             row.total * 100, row.generated_at, row.sealed_at, row.published_at, row.archived_at)
            for row in session.scalars(select(ValueReceipt))
        ),
    ),
    View(
        "fact_signal", "Billable events, with what each earned, cost and delivered.",
        _columns(
            ("signal_id", "VARCHAR", "The signal."),
            ("event_name", "VARCHAR", "What happened."),
            *_WHO,
            ("occurred_at", _TIME, "When it happened."),
            ("received_at", _TIME, "When it came."),
            ("trace_id", "VARCHAR", "The trace it came in."),
            ("idempotency_key", "VARCHAR", "The sender's key."),
            ("quantity", "DECIMAL(18,6)", "How many; 1 where the data does not say."),
            ("data", "JSON", "What the sender said besides."),
            ("revenue_amount", _CENTS, "What it earned, US cents; NULL: not known."),
            ("cost_amount", _CENTS, "What its model calls cost, US cents; NULL: not known."),
            ("margin_amount", _CENTS, "Revenue less cost, US cents; NULL: not known."),
            ("value_amount", _CENTS, "What it is worth to the customer, US cents; NULL: not known."),
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
        _columns(
            ("cost_id", "VARCHAR", "The cost."),
            ("source", "VARCHAR", "span, api or signal."),
            *_WHO,
            ("occurred_at", _TIME, "When."),
            ("trace_id", "VARCHAR", "The trace of the call."),
            ("span_id", "VARCHAR", "The span of the call."),
            ("vendor", "VARCHAR", "Who charges it."),
            ("model", "VARCHAR", "The model."),
            ("operation", "VARCHAR", "chat, embeddings, …"),
            ("input_tokens", "BIGINT", "All input tokens, cached ones included."),
            ("cache_read_tokens", "BIGINT", "Those of them read from a cache."),
            ("output_tokens", "BIGINT", "All output tokens, reasoning included."),
            ("reasoning_tokens", "BIGINT", "Those of them spent on reasoning."),
            ("cost_amount", _CENTS, "US cents, fractional; NULL: not known."),
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
        _columns(
            ("signal_id", "VARCHAR", "The event."),
            ("cost_id", "VARCHAR", "The cost."),
            ("rule", "VARCHAR", "Why."),
            ("cost_amount", _CENTS, "The share, US cents; NULL: not known."),
            ("occurred_at", _TIME, "When the cost arose."),
        ),
        sql=f"""SELECT signal_id, cost_id, rule, {_cents("cost_usd")} AS cost_amount, occurred_at
            FROM lake.main.cost_links""",
    ),
    View(
        "fact_value", "What each event delivered, by value metric.",
        _columns(
            ("signal_id", "VARCHAR", "The event."),
            ("metric", "VARCHAR", "The metric's slug."),
            ("event_name", "VARCHAR", "What happened."),
            *_WHO,
            ("occurred_at", _TIME, "When."),
            ("amount", "DECIMAL(18,6)", "How much; NULL: not known."),
            ("unit", "VARCHAR", "Of what."),
            ("value_amount", _CENTS, "What that is worth, US cents; NULL: not known, or not counted in money."),
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
"""What queries see, in the order of the documentation."""

BY_NAME: Final = {view.name: view for view in (*HELPERS, *VIEWS)}
