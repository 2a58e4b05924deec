"""Views of the business database. Money is in minor units of its currency, credits are credits."""

from typing import Final

from sqlalchemy import select, union_all

from billing.analytics.view import CENTS, TIME, View, columns
from billing.ledger.transactions import all_transactions
from billing.tables.catalog import Plan, Product, ProductAttribute
from billing.tables.customers import Customer, CustomerAlias
from billing.tables.invoices import Invoice, InvoiceLine, Payment
from billing.tables.ledger import CreditCurrency
from billing.tables.orders import Order, OrderLine
from billing.tables.receipts import ValueReceipt

_STAMPS: Final = (("created_at", TIME, "When it was made."), ("updated_at", TIME, "When it last changed."))

HELPERS: Final = (
    View(
        "customer_names", "",
        columns(("name", "VARCHAR", ""), ("customer_id", "VARCHAR", "")),
        chosen=union_all(
            select(Customer.id, Customer.id),
            select(Customer.external_id, Customer.id).where(Customer.external_id.is_not(None)),
            select(CustomerAlias.alias, CustomerAlias.customer_id),
        ),
    ),
    View(
        "product_names", "",
        columns(("name", "VARCHAR", ""), ("product_id", "VARCHAR", "")),
        chosen=union_all(
            select(Product.id, Product.id),
            select(Product.external_id, Product.id).where(Product.external_id.is_not(None)),
        ),
    ),
)  # fmt: skip
"""What other views stand on; no query sees them."""

BUSINESS_VIEWS: Final = (
    View(
        "dim_customer", "Customers, deleted ones too.",
        columns(
            ("customer_id", "VARCHAR", "The id (cus_…)."),
            ("external_id", "VARCHAR", "The caller's own id."),
            ("name", "VARCHAR", "The name."),
            ("email", "VARCHAR", "The address that bills go to."),
            ("default_currency", "VARCHAR", "ISO 4217."),
            ("creation_state", "VARCHAR", "draft or active."),
            ("parent_customer_id", "VARCHAR", "The customer that pays for it."),
            ("auto_created", "BOOLEAN", "Whether an event of an unknown customer made it."),
            ("churned_at", TIME, "When it left."),
            ("deleted_at", TIME, "When it was deleted."),
            *_STAMPS,
        ),
        chosen=select(
            Customer.id, Customer.external_id, Customer.name, Customer.email, Customer.default_currency,
            Customer.creation_state, Customer.parent_id, Customer.auto_created, Customer.churn_date,
            Customer.deleted_at, Customer.created_at, Customer.updated_at,
        ),
    ),
    View(
        "dim_product", "Products, archived ones too.",
        columns(
            ("product_id", "VARCHAR", "The id (prod_…)."),
            ("external_id", "VARCHAR", "The caller's own id; on spans: the agent."),
            ("name", "VARCHAR", "The name."),
            ("description", "VARCHAR", "What it is."),
            ("active", "BOOLEAN", "Whether it is sold."),
            ("product_code", "VARCHAR", "Its code elsewhere."),
            ("archived_at", TIME, "When it was put away."),
            *_STAMPS,
        ),
        chosen=select(
            Product.id, Product.external_id, Product.name, Product.description, Product.active, Product.product_code,
            Product.archived_at, Product.created_at, Product.updated_at,
        ),
    ),
    View(
        "dim_product_attribute", "What of a product has a price.",
        columns(
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
        columns(
            ("plan_id", "VARCHAR", "The id (plan_…)."),
            ("external_id", "VARCHAR", "The caller's own id."),
            ("product_id", "VARCHAR", "Of which product."),
            ("name", "VARCHAR", "The name."),
            ("is_default", "BOOLEAN", "Whether orders that name no plan follow it."),
            ("status", "VARCHAR", "active or archived."),
            ("archived_at", TIME, "When it was put away."),
            *_STAMPS,
        ),
        chosen=select(
            Plan.id, Plan.external_id, Plan.product_id, Plan.name, Plan.is_default, Plan.status, Plan.archived_at,
            Plan.created_at, Plan.updated_at,
        ),
    ),
    View(
        "dim_order", "Orders, deleted ones too.",
        columns(
            ("order_id", "VARCHAR", "The id (ord_…)."),
            ("external_id", "VARCHAR", "The caller's own id."),
            ("customer_id", "VARCHAR", "Whose it is."),
            ("billing_customer_id", "VARCHAR", "Who pays; NULL: the customer, or its parent."),
            ("name", "VARCHAR", "The name."),
            ("creation_state", "VARCHAR", "draft or active."),
            ("currency", "VARCHAR", "ISO 4217."),
            ("start_date", TIME, "From when on it runs."),
            ("end_date", TIME, "Until when (exclusive); NULL: without end."),
            ("activated_at", TIME, "When it was activated."),
            ("paused_at", TIME, "Since when it is paused."),
            ("deleted_at", TIME, "When it was deleted."),
            *_STAMPS,
        ),
        chosen=select(
            Order.id, Order.external_id, Order.customer_id, Order.billing_customer_id, Order.name,
            Order.creation_state, Order.currency, Order.start_date, Order.end_date, Order.activated_at,
            Order.paused_at, Order.deleted_at, Order.created_at, Order.updated_at,
        ),
    ),
    View(
        "dim_order_line", "The products of orders.",
        columns(
            ("order_line_id", "VARCHAR", "The id (ol_…)."),
            ("order_id", "VARCHAR", "Of which order."),
            ("product_id", "VARCHAR", "What is bought."),
            ("plan_id", "VARCHAR", "By which plan; NULL: as the product or its default plan says."),
            ("name", "VARCHAR", "The name."),
            ("line_type", "VARCHAR", "STANDARD, or what an amendment made of it."),
            ("start_date", TIME, "From when on."),
            ("end_date", TIME, "Until when (exclusive); NULL: without end."),
        ),
        chosen=select(
            OrderLine.id, OrderLine.order_id, OrderLine.product_id, OrderLine.plan_id, OrderLine.name,
            OrderLine.line_type, OrderLine.start_date, OrderLine.end_date,
        ),
    ),
    View(
        "dim_credit_currency", "Kinds of credits.",
        columns(
            ("credit_currency_id", "VARCHAR", "The id (cc_…)."),
            ("key", "VARCHAR", "The unique key."),
            ("name", "VARCHAR", "The name."),
            ("status", "VARCHAR", "active or archived."),
            *_STAMPS,
        ),
        chosen=select(
            CreditCurrency.id, CreditCurrency.key, CreditCurrency.name, CreditCurrency.status,
            CreditCurrency.created_at, CreditCurrency.updated_at,
        ),
    ),
    View(
        "fact_credit_transaction", "What was granted to customers and what they spent.",
        columns(
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
            ("occurred_at", TIME, "When; of a spend: the signal's time."),
        ),
        chosen=all_transactions(),
        micro=frozenset({"amount"}),
    ),
    View(
        "fact_value_receipt", "Value receipts.",
        columns(
            ("receipt_id", "VARCHAR", "The id (vr_…)."),
            ("status", "VARCHAR", "draft, or posted (sealed)."),
            ("customer_id", "VARCHAR", "Whose it is."),
            ("product_id", "VARCHAR", "Of one product only."),
            ("order_id", "VARCHAR", "Of one order only."),
            ("start_date", TIME, "From when."),
            ("end_date", TIME, "Until when (exclusive)."),
            ("total_value_amount", CENTS, "What all of it is worth, US cents."),
            ("generated_at", TIME, "When it was filled."),
            ("sealed_at", TIME, "When it was sealed."),
            ("published_at", TIME, "When it was published."),
            ("archived_at", TIME, "When it was put away."),
        ),
        rows=lambda session: (
            (row.id, row.status, row.customer_id, row.product_id, row.order_id, row.start_date, row.end_date,
             row.total * 100, row.generated_at, row.sealed_at, row.published_at, row.archived_at)
            for row in session.scalars(select(ValueReceipt))
        ),
    ),
    View(
        "fact_invoice", "Invoices.",
        columns(
            ("invoice_id", "VARCHAR", "The id (inv_…)."),
            ("number", "BIGINT", "Counts invoices."),
            ("order_id", "VARCHAR", "Of which order."),
            ("customer_id", "VARCHAR", "Who pays."),
            ("status", "VARCHAR", "draft, posted, voided or error."),
            ("source", "VARCHAR", "order_based or manual."),
            ("currency", "VARCHAR", "ISO 4217."),
            ("start_date", TIME, "The period that it is for."),
            ("end_date", TIME, "Its end (exclusive)."),
            ("issue_date", TIME, "When it is issued."),
            ("posted_date", TIME, "When it was posted."),
            ("due_date", TIME, "When it is due."),
            ("paid_date", TIME, "When all of it was paid."),
            ("total_amount", "BIGINT", "What is asked for, minor units of the currency."),
            ("paid_amount", "BIGINT", "What of it is paid."),
        ),
        chosen=select(
            Invoice.id, Invoice.number, Invoice.order_id, Invoice.customer_id, Invoice.status, Invoice.source,
            Invoice.currency, Invoice.start_date, Invoice.end_date, Invoice.issue_date, Invoice.posted_date,
            Invoice.due_date, Invoice.paid_date, Invoice.total, Invoice.paid,
        ),
    ),
    View(
        "fact_invoice_line", "The amounts of invoices.",
        columns(
            ("invoice_line_id", "VARCHAR", "The id (il_…)."),
            ("invoice_id", "VARCHAR", "Of which invoice."),
            ("order_id", "VARCHAR", "Of which order."),
            ("order_line_id", "VARCHAR", "Of which line of it."),
            ("line_type", "VARCHAR", "STANDARD, or what an amendment made of it."),
            ("description", "VARCHAR", "As shown."),
            ("start_date", TIME, "The period that it is for."),
            ("end_date", TIME, "Its end (exclusive)."),
            ("quantity", "BIGINT", "As shown, in whole units."),
            ("amount", "BIGINT", "Minor units of the invoice's currency."),
            ("paid_amount", "BIGINT", "What of it is paid."),
        ),
        chosen=select(
            InvoiceLine.id, InvoiceLine.invoice_id, InvoiceLine.order_id, InvoiceLine.order_line_id,
            InvoiceLine.line_type, InvoiceLine.description, InvoiceLine.start_date, InvoiceLine.end_date,
            InvoiceLine.quantity, InvoiceLine.amount, InvoiceLine.paid,
        ),
    ),
    View(
        "fact_payment", "Money that came, or was tried to be taken.",
        columns(
            ("payment_id", "VARCHAR", "The id (pay_…)."),
            ("customer_id", "VARCHAR", "Who paid."),
            ("invoice_id", "VARCHAR", "For which invoice."),
            ("order_id", "VARCHAR", "For which order."),
            ("status", "VARCHAR", "posted, failed, …"),
            ("payment_type", "VARCHAR", "How it was paid."),
            ("currency", "VARCHAR", "ISO 4217."),
            ("payment_date", TIME, "When."),
            ("amount", "BIGINT", "Minor units of the currency."),
            ("allocated_amount", "BIGINT", "What of it pays invoices."),
        ),
        chosen=select(
            Payment.id, Payment.customer_id, Payment.invoice_id, Payment.order_id, Payment.status,
            Payment.payment_type, Payment.currency, Payment.payment_date, Payment.amount, Payment.allocated,
        ),
    ),
)  # fmt: skip
"""In the order of the documentation."""
