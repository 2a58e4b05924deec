"""All tables of the business as of its first version."""

import sqlalchemy as sa
from alembic import op

import billing.columns
from billing.tables.append_only import statements

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring a database from the revision before to this one."""
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("hint", sa.String(), nullable=False),
        sa.Column("scopes", billing.columns.Json(), nullable=False),
        sa.Column("created_at", billing.columns.Moment(), nullable=False),
        sa.Column("expires_at", billing.columns.Moment(), nullable=True),
        sa.Column("revoked_at", billing.columns.Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_keys_digest")),
    )
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("recorded_at", billing.columns.Moment(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("object_type", sa.String(), nullable=False),
        sa.Column("object_id", sa.String(), nullable=False),
        sa.Column("before", billing.columns.Json(), nullable=True),
        sa.Column("after", billing.columns.Json(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    with op.batch_alter_table("audit_log", schema=None) as batch_op:
        batch_op.create_index("ix_audit_log_object", ["object_type", "object_id"], unique=False)

    op.create_table(
        "credit_currencies",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("archived_at", billing.columns.Moment(), nullable=True),
        sa.Column("created_at", billing.columns.Moment(), nullable=False),
        sa.Column("updated_at", billing.columns.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_currencies")),
        sa.UniqueConstraint("key", name=op.f("uq_credit_currencies_key")),
    )
    op.create_table(
        "credit_debits",
        sa.Column("signal_id", sa.String(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("currency_id", sa.String(), nullable=False),
        sa.Column("amount_micro", sa.BigInteger(), nullable=False),
        sa.Column("occurred_at", billing.columns.Moment(), nullable=False),
        sa.Column("event_name", sa.String(), nullable=True),
        sa.Column("product_id", sa.String(), nullable=True),
        sa.Column("order_id", sa.String(), nullable=True),
        sa.Column("seat_user_id", sa.String(), nullable=True),
        sa.Column("customer_unit_id", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("signal_id", "part", name=op.f("pk_credit_debits")),
    )
    with op.batch_alter_table("credit_debits", schema=None) as batch_op:
        batch_op.create_index(
            "ix_credit_debits_unit",
            ["customer_id", "customer_unit_id", "currency_id", "occurred_at"],
            unique=False,
            sqlite_where=sa.text("customer_unit_id IS NOT NULL"),
            postgresql_where=sa.text("customer_unit_id IS NOT NULL"),
        )

    op.create_table(
        "customer_groups",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("created_at", billing.columns.Moment(), nullable=False),
        sa.Column("updated_at", billing.columns.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_groups")),
        sa.UniqueConstraint("name", name=op.f("uq_customer_groups_name")),
    )
    op.create_table(
        "customers",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("legal_name", sa.String(), nullable=True),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("phone", sa.String(), nullable=True),
        sa.Column("website", sa.String(), nullable=True),
        sa.Column("billing_address", billing.columns.Json(), nullable=True),
        sa.Column("creation_state", sa.String(), nullable=False),
        sa.Column("churn_date", billing.columns.Moment(), nullable=True),
        sa.Column("vat_number", sa.String(), nullable=True),
        sa.Column("metadata", billing.columns.Json(), nullable=True),
        sa.Column("default_currency", sa.String(), nullable=False),
        sa.Column("parent_id", sa.String(), nullable=True),
        sa.Column("auto_created", sa.Boolean(), nullable=False),
        sa.Column("deleted_at", billing.columns.Moment(), nullable=True),
        sa.Column("former_external_id", sa.String(), nullable=True),
        sa.Column("created_at", billing.columns.Moment(), nullable=False),
        sa.Column("updated_at", billing.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["parent_id"], ["customers.id"], name=op.f("fk_customers_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customers")),
        sa.UniqueConstraint("external_id", name=op.f("uq_customers_external_id")),
    )
    with op.batch_alter_table("customers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_customers_parent_id"), ["parent_id"], unique=False)

    op.create_table(
        "embed_secret",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("audience", sa.String(), nullable=True),
        sa.Column("created_at", billing.columns.Moment(), nullable=False),
        sa.Column("updated_at", billing.columns.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_embed_secret")),
    )
    op.create_table(
        "ledger_entries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("key", sa.String().with_variant(sa.String(collation="C"), "postgresql"), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("currency_id", sa.String(), nullable=False),
        sa.Column("debit_account", sa.String(), nullable=False),
        sa.Column("credit_account", sa.String(), nullable=False),
        sa.Column("amount_micro", sa.BigInteger(), nullable=False),
        sa.Column("grant_id", sa.String(), nullable=True),
        sa.Column("signal_id", sa.String(), nullable=True),
        sa.Column("part", sa.String(), nullable=True),
        sa.Column("order_id", sa.String(), nullable=True),
        sa.Column("product_id", sa.String(), nullable=True),
        sa.Column("event_name", sa.String(), nullable=True),
        sa.Column("occurred_at", billing.columns.Moment(), nullable=False),
        sa.Column("recorded_at", billing.columns.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entries")),
        sa.UniqueConstraint("key", name=op.f("uq_ledger_entries_key")),
    )
    with op.batch_alter_table("ledger_entries", schema=None) as batch_op:
        batch_op.create_index("ix_ledger_entries_customer", ["customer_id", "occurred_at"], unique=False)
        batch_op.create_index("ix_ledger_entries_grant", ["grant_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_ledger_entries_occurred_at"), ["occurred_at"], unique=False)

    op.create_table(
        "metering_progress",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("seen_until", billing.columns.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_metering_progress")),
    )
    op.create_table(
        "metering_refusals",
        sa.Column("signal_id", sa.String(), nullable=False),
        sa.Column("order_attribute_id", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("occurred_at", billing.columns.Moment(), nullable=False),
        sa.Column("recorded_at", billing.columns.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("signal_id", "order_attribute_id", name=op.f("pk_metering_refusals")),
    )
    op.create_table(
        "products",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("product_code", sa.String(), nullable=True),
        sa.Column("metadata", billing.columns.Json(), nullable=True),
        sa.Column("archived_at", billing.columns.Moment(), nullable=True),
        sa.Column("created_at", billing.columns.Moment(), nullable=False),
        sa.Column("updated_at", billing.columns.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_products")),
        sa.UniqueConstraint("external_id", name=op.f("uq_products_external_id")),
    )
    op.create_table(
        "value_model_versions",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("content", billing.columns.Json(), nullable=False),
        sa.Column("effective_from", billing.columns.Moment(), nullable=True),
        sa.Column("effective_to", billing.columns.Moment(), nullable=True),
        sa.Column("backfills", sa.BigInteger(), nullable=False),
        sa.Column("created_at", billing.columns.Moment(), nullable=False),
        sa.Column("archived_at", billing.columns.Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_value_model_versions")),
        sa.UniqueConstraint("version", name=op.f("uq_value_model_versions_version")),
    )
    op.create_table(
        "webhook_endpoints",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("url", sa.String(), nullable=True),
        sa.Column("last_sent_at", billing.columns.Moment(), nullable=True),
        sa.Column("last_status", sa.String(), nullable=True),
        sa.Column("created_at", billing.columns.Moment(), nullable=False),
        sa.Column("updated_at", billing.columns.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_webhook_endpoints")),
    )
    op.create_table(
        "webhook_secrets",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("created_at", billing.columns.Moment(), nullable=False),
        sa.Column("expires_at", billing.columns.Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_secrets")),
        sa.UniqueConstraint("number", name=op.f("uq_webhook_secrets_number")),
    )
    op.create_table(
        "webhook_versions",
        sa.Column("object_id", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("object_id", name=op.f("pk_webhook_versions")),
    )
    op.create_table(
        "contacts",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("first_name", sa.String(), nullable=False),
        sa.Column("last_name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("phone", sa.String(), nullable=True),
        sa.Column("billing_address", billing.columns.Json(), nullable=True),
        sa.Column("roles", billing.columns.Json(), nullable=False),
        sa.Column("created_at", billing.columns.Moment(), nullable=False),
        sa.Column("updated_at", billing.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_contacts_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacts")),
        sa.UniqueConstraint("external_id", name=op.f("uq_contacts_external_id")),
    )
    with op.batch_alter_table("contacts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_contacts_customer_id"), ["customer_id"], unique=False)

    op.create_table(
        "credit_wallets",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("currency_id", sa.String(), nullable=False),
        sa.Column("unfunded_micro", sa.BigInteger(), nullable=False),
        sa.Column("is_depleted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["currency_id"], ["credit_currencies.id"], name=op.f("fk_credit_wallets_currency_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_credit_wallets_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_wallets")),
    )
    with op.batch_alter_table("credit_wallets", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_credit_wallets_customer_id"), ["customer_id"], unique=False)

    op.create_table(
        "customer_aliases",
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("created_at", billing.columns.Moment(), nullable=False),
        sa.Column("updated_at", billing.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_customer_aliases_customer_id")),
        sa.PrimaryKeyConstraint("alias", name=op.f("pk_customer_aliases")),
    )
    with op.batch_alter_table("customer_aliases", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_customer_aliases_customer_id"), ["customer_id"], unique=False)

    op.create_table(
        "customer_group_members",
        sa.Column("group_id", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("added_at", billing.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_customer_group_members_customer_id")),
        sa.ForeignKeyConstraint(["group_id"], ["customer_groups.id"], name=op.f("fk_customer_group_members_group_id")),
        sa.PrimaryKeyConstraint("group_id", "customer_id", name=op.f("pk_customer_group_members")),
    )
    with op.batch_alter_table("customer_group_members", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_customer_group_members_customer_id"), ["customer_id"], unique=False)

    op.create_table(
        "customer_portals",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("return_url", sa.String(), nullable=True),
        sa.Column("expires_at", billing.columns.Moment(), nullable=False),
        sa.Column("created_at", billing.columns.Moment(), nullable=False),
        sa.Column("updated_at", billing.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_customer_portals_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_portals")),
        sa.UniqueConstraint("token", name=op.f("uq_customer_portals_token")),
    )
    with op.batch_alter_table("customer_portals", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_customer_portals_customer_id"), ["customer_id"], unique=False)

    op.create_table(
        "customer_units",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("external_type", sa.String(), nullable=True),
        sa.Column("parent_id", sa.String(), nullable=True),
        sa.Column("metadata", billing.columns.Json(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_at", billing.columns.Moment(), nullable=False),
        sa.Column("updated_at", billing.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_customer_units_customer_id")),
        sa.ForeignKeyConstraint(["parent_id"], ["customer_units.id"], name=op.f("fk_customer_units_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_units")),
        sa.UniqueConstraint("customer_id", "external_id", name=op.f("uq_customer_units_customer_id_external_id")),
    )
    with op.batch_alter_table("customer_units", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_customer_units_parent_id"), ["parent_id"], unique=False)

    op.create_table(
        "customer_users",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("metadata", billing.columns.Json(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_at", billing.columns.Moment(), nullable=False),
        sa.Column("updated_at", billing.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_customer_users_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_users")),
        sa.UniqueConstraint("customer_id", "external_id", name=op.f("uq_customer_users_customer_id_external_id")),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("billing_customer_id", sa.String(), nullable=True),
        sa.Column("billing_contact_ids", billing.columns.Json(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("creation_state", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("start_date", billing.columns.Moment(), nullable=False),
        sa.Column("end_date", billing.columns.Moment(), nullable=True),
        sa.Column("subscription_terms", sa.BigInteger(), nullable=True),
        sa.Column("billing_anchor", sa.BigInteger(), nullable=True),
        sa.Column("billing_frequency_override", billing.columns.Json(), nullable=True),
        sa.Column("payment_terms", sa.String(), nullable=True),
        sa.Column("auto_post_invoices", sa.Boolean(), nullable=False),
        sa.Column("auto_send_billing_emails", sa.Boolean(), nullable=False),
        sa.Column("auto_send_payment_emails", sa.Boolean(), nullable=False),
        sa.Column("purchase_order_reference", sa.String(), nullable=True),
        sa.Column("metadata", billing.columns.Json(), nullable=True),
        sa.Column("activated_at", billing.columns.Moment(), nullable=True),
        sa.Column("paused_at", billing.columns.Moment(), nullable=True),
        sa.Column("deleted_at", billing.columns.Moment(), nullable=True),
        sa.Column("next_due", billing.columns.Moment(), nullable=True),
        sa.Column("created_at", billing.columns.Moment(), nullable=False),
        sa.Column("updated_at", billing.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["billing_customer_id"], ["customers.id"], name=op.f("fk_orders_billing_customer_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_orders_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("external_id", name=op.f("uq_orders_external_id")),
        sa.UniqueConstraint("number", name=op.f("uq_orders_number")),
    )
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_orders_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_orders_next_due"), ["next_due"], unique=False)

    op.create_table(
        "payment_methods",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("card", billing.columns.Json(), nullable=True),
        sa.Column("deleted_at", billing.columns.Moment(), nullable=True),
        sa.Column("created_at", billing.columns.Moment(), nullable=False),
        sa.Column("updated_at", billing.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_payment_methods_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_methods")),
        sa.UniqueConstraint("provider", "external_id", name=op.f("uq_payment_methods_provider_external_id")),
    )
    with op.batch_alter_table("payment_methods", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_payment_methods_customer_id"), ["customer_id"], unique=False)

    op.create_table(
        "plans",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("product_id", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("supported_currencies", billing.columns.Json(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("upgrade_path_group", sa.String(), nullable=True),
        sa.Column("upgrade_path_order", sa.BigInteger(), nullable=True),
        sa.Column("archived_at", billing.columns.Moment(), nullable=True),
        sa.Column("created_at", billing.columns.Moment(), nullable=False),
        sa.Column("updated_at", billing.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_plans_product_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plans")),
        sa.UniqueConstraint("external_id", name=op.f("uq_plans_external_id")),
    )
    with op.batch_alter_table("plans", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_plans_product_id"), ["product_id"], unique=False)

    op.create_table(
        "product_attributes",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("product_id", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("pricing", billing.columns.Json(), nullable=True),
        sa.Column("credit_benefits", billing.columns.Json(), nullable=False),
        sa.Column("tax_code", sa.String(), nullable=True),
        sa.Column("created_at", billing.columns.Moment(), nullable=False),
        sa.Column("updated_at", billing.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_product_attributes_product_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product_attributes")),
    )
    with op.batch_alter_table("product_attributes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_product_attributes_product_id"), ["product_id"], unique=False)

    op.create_table(
        "provider_customers",
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_provider_customers_customer_id")),
        sa.PrimaryKeyConstraint("customer_id", "provider", name=op.f("pk_provider_customers")),
    )
    op.create_table(
        "webhook_messages",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("object_id", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_at", billing.columns.Moment(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("next_attempt_at", billing.columns.Moment(), nullable=False),
        sa.Column("claimed_until", billing.columns.Moment(), nullable=True),
        sa.Column("first_attempt_at", billing.columns.Moment(), nullable=True),
        sa.Column("last_attempt_at", billing.columns.Moment(), nullable=True),
        sa.Column("response_status", sa.BigInteger(), nullable=True),
        sa.Column("response_body", sa.String(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["name"], ["webhook_endpoints.name"], name=op.f("fk_webhook_messages_name")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_messages")),
        sa.UniqueConstraint("object_id", "version", name=op.f("uq_webhook_messages_object_id_version")),
    )
    with op.batch_alter_table("webhook_messages", schema=None) as batch_op:
        batch_op.create_index("ix_webhook_messages_due", ["state", "next_attempt_at"], unique=False)

    op.create_table(
        "xero_contacts",
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("sent_at", billing.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_xero_contacts_customer_id")),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_xero_contacts")),
        sa.UniqueConstraint("name", name=op.f("uq_xero_contacts_name")),
    )
    op.create_table(
        "checkouts",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("parent_id", sa.String(), nullable=True),
        sa.Column("products", billing.columns.Json(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=True),
        sa.Column("external_customer_id", sa.String(), nullable=True),
        sa.Column("success_url", sa.String(), nullable=False),
        sa.Column("cancel_url", sa.String(), nullable=True),
        sa.Column("expires_at", billing.columns.Moment(), nullable=False),
        sa.Column("metadata", billing.columns.Json(), nullable=True),
        sa.Column("collect_address", sa.Boolean(), nullable=False),
        sa.Column("collect_phone", sa.Boolean(), nullable=False),
        sa.Column("single_use", sa.Boolean(), nullable=False),
        sa.Column("allowed_currencies", billing.columns.Json(), nullable=False),
        sa.Column("custom_cards", billing.columns.Json(), nullable=True),
        sa.Column("archived_at", billing.columns.Moment(), nullable=True),
        sa.Column("expiry_told_at", billing.columns.Moment(), nullable=True),
        sa.Column("session_token", sa.String(), nullable=True),
        sa.Column("started_at", billing.columns.Moment(), nullable=True),
        sa.Column("product_id", sa.String(), nullable=True),
        sa.Column("plan_id", sa.String(), nullable=True),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("seats", sa.BigInteger(), nullable=True),
        sa.Column("buyer", billing.columns.Json(), nullable=True),
        sa.Column("submitted_at", billing.columns.Moment(), nullable=True),
        sa.Column("provider", sa.String(), nullable=True),
        sa.Column("provider_session_id", sa.String(), nullable=True),
        sa.Column("provider_url", sa.String(), nullable=True),
        sa.Column("completed_at", billing.columns.Moment(), nullable=True),
        sa.Column("order_id", sa.String(), nullable=True),
        sa.Column("created_at", billing.columns.Moment(), nullable=False),
        sa.Column("updated_at", billing.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_checkouts_customer_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_checkouts_order_id")),
        sa.ForeignKeyConstraint(["parent_id"], ["checkouts.id"], name=op.f("fk_checkouts_parent_id")),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_checkouts_plan_id")),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_checkouts_product_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checkouts")),
        sa.UniqueConstraint("provider_session_id", name=op.f("uq_checkouts_provider_session_id")),
        sa.UniqueConstraint("session_token", name=op.f("uq_checkouts_session_token")),
        sa.UniqueConstraint("token", name=op.f("uq_checkouts_token")),
    )
    with op.batch_alter_table("checkouts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_checkouts_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_checkouts_parent_id"), ["parent_id"], unique=False)

    op.create_table(
        "credit_grants",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("wallet_id", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("currency_id", sa.String(), nullable=False),
        sa.Column("amount_micro", sa.BigInteger(), nullable=False),
        sa.Column("is_infinite", sa.Boolean(), nullable=False),
        sa.Column("starts_at", billing.columns.Moment(), nullable=False),
        sa.Column("ends_at", billing.columns.Moment(), nullable=True),
        sa.Column("rollover_micro", sa.BigInteger(), nullable=True),
        sa.Column("rollover_ends_at", billing.columns.Moment(), nullable=True),
        sa.Column("expires_at", billing.columns.Moment(), nullable=True),
        sa.Column("main_end", billing.columns.Moment(), nullable=True),
        sa.Column("last_end", billing.columns.Moment(), nullable=True),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("priority", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=True),
        sa.Column("product_id", sa.String(), nullable=True),
        sa.Column("seat_user_id", sa.String(), nullable=True),
        sa.Column("overage_unit_price", billing.columns.Exact(), nullable=True),
        sa.Column("created_at", billing.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["currency_id"], ["credit_currencies.id"], name=op.f("fk_credit_grants_currency_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_credit_grants_customer_id")),
        sa.ForeignKeyConstraint(["wallet_id"], ["credit_wallets.id"], name=op.f("fk_credit_grants_wallet_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_grants")),
        sa.UniqueConstraint("key", name=op.f("uq_credit_grants_key")),
    )
    with op.batch_alter_table("credit_grants", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_credit_grants_order_id"), ["order_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_credit_grants_wallet_id"), ["wallet_id"], unique=False)

    op.create_table(
        "customer_unit_caps",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("unit_id", sa.String(), nullable=False),
        sa.Column("currency_id", sa.String(), nullable=False),
        sa.Column("amount_micro", sa.BigInteger(), nullable=False),
        sa.Column("frequency", sa.String(), nullable=False),
        sa.Column("effective_from", billing.columns.Moment(), nullable=False),
        sa.Column("effective_until", billing.columns.Moment(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("created_at", billing.columns.Moment(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["currency_id"], ["credit_currencies.id"], name=op.f("fk_customer_unit_caps_currency_id")
        ),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_customer_unit_caps_customer_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["customer_units.id"], name=op.f("fk_customer_unit_caps_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_unit_caps")),
    )
    with op.batch_alter_table("customer_unit_caps", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_customer_unit_caps_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index("ix_customer_unit_caps_unit", ["unit_id", "currency_id"], unique=False)

    op.create_table(
        "invoice_items",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("order_line_id", sa.String(), nullable=True),
        sa.Column("order_attribute_id", sa.String(), nullable=True),
        sa.Column("line_type", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("start_date", billing.columns.Moment(), nullable=False),
        sa.Column("end_date", billing.columns.Moment(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("applied", sa.BigInteger(), nullable=False),
        sa.Column("parts", sa.BigInteger(), nullable=False),
        sa.Column("created_at", billing.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_invoice_items_order_id")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_invoice_items")),
    )
    with op.batch_alter_table("invoice_items", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_invoice_items_order_id"), ["order_id"], unique=False)

    op.create_table(
        "invoices",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=True),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("billing_contact_id", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("billing_date", billing.columns.Moment(), nullable=False),
        sa.Column("start_date", billing.columns.Moment(), nullable=False),
        sa.Column("end_date", billing.columns.Moment(), nullable=True),
        sa.Column("issue_date", billing.columns.Moment(), nullable=False),
        sa.Column("posted_date", billing.columns.Moment(), nullable=True),
        sa.Column("due_date", billing.columns.Moment(), nullable=True),
        sa.Column("paid_date", billing.columns.Moment(), nullable=True),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("paid", sa.BigInteger(), nullable=False),
        sa.Column("purchase_order_reference", sa.String(), nullable=True),
        sa.Column("metadata", billing.columns.Json(), nullable=True),
        sa.Column("created_at", billing.columns.Moment(), nullable=False),
        sa.Column("updated_at", billing.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_invoices_customer_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_invoices_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoices")),
        sa.UniqueConstraint("key", name=op.f("uq_invoices_key")),
        sa.UniqueConstraint("number", name=op.f("uq_invoices_number")),
    )
    with op.batch_alter_table("invoices", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_invoices_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index("ix_invoices_order", ["order_id", "billing_date"], unique=False)

    op.create_table(
        "order_amendments",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("intents", billing.columns.Json(), nullable=False),
        sa.Column("plan", billing.columns.Json(), nullable=False),
        sa.Column("created_at", billing.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_amendments_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_amendments")),
    )
    with op.batch_alter_table("order_amendments", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_order_amendments_order_id"), ["order_id"], unique=False)

    op.create_table(
        "order_grants",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("timing", sa.String(), nullable=False),
        sa.Column("billing_date", billing.columns.Moment(), nullable=False),
        sa.Column("released_at", billing.columns.Moment(), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_grants_order_id")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_order_grants")),
    )
    with op.batch_alter_table("order_grants", schema=None) as batch_op:
        batch_op.create_index("ix_order_grants_waiting", ["order_id", "billing_date"], unique=False)

    op.create_table(
        "order_lines",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.String(), nullable=False),
        sa.Column("plan_id", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("line_type", sa.String(), nullable=False),
        sa.Column("start_date", billing.columns.Moment(), nullable=False),
        sa.Column("end_date", billing.columns.Moment(), nullable=True),
        sa.Column("overrides", billing.columns.Json(), nullable=True),
        sa.Column("quantity", sa.BigInteger(), nullable=True),
        sa.Column("created_at", billing.columns.Moment(), nullable=False),
        sa.Column("updated_at", billing.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_lines_order_id")),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_order_lines_plan_id")),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_order_lines_product_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_lines")),
    )
    with op.batch_alter_table("order_lines", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_order_lines_order_id"), ["order_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_order_lines_product_id"), ["product_id"], unique=False)

    op.create_table(
        "pending_consumption",
        sa.Column("signal_id", sa.String(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("wallet_id", sa.String(), nullable=False),
        sa.Column("remaining_micro", sa.BigInteger(), nullable=False),
        sa.Column("settlements", sa.BigInteger(), nullable=False),
        sa.Column("seat_user_id", sa.String(), nullable=True),
        sa.Column("order_id", sa.String(), nullable=True),
        sa.Column("product_id", sa.String(), nullable=True),
        sa.Column("event_name", sa.String(), nullable=True),
        sa.Column("occurred_at", billing.columns.Moment(), nullable=False),
        sa.Column("recorded_at", billing.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["wallet_id"], ["credit_wallets.id"], name=op.f("fk_pending_consumption_wallet_id")),
        sa.PrimaryKeyConstraint("signal_id", "part", name=op.f("pk_pending_consumption")),
    )
    with op.batch_alter_table("pending_consumption", schema=None) as batch_op:
        batch_op.create_index("ix_pending_consumption_wallet", ["wallet_id", "occurred_at"], unique=False)

    op.create_table(
        "plan_attributes",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("plan_id", sa.String(), nullable=False),
        sa.Column("product_attribute_id", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("pricing", billing.columns.Json(), nullable=False),
        sa.Column("credit_benefits", billing.columns.Json(), nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_plan_attributes_plan_id")),
        sa.ForeignKeyConstraint(
            ["product_attribute_id"], ["product_attributes.id"], name=op.f("fk_plan_attributes_product_attribute_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_attributes")),
        sa.UniqueConstraint(
            "plan_id", "product_attribute_id", name=op.f("uq_plan_attributes_plan_id_product_attribute_id")
        ),
    )
    with op.batch_alter_table("plan_attributes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_plan_attributes_plan_id"), ["plan_id"], unique=False)

    op.create_table(
        "value_receipts",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("public_url_token", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("product_id", sa.String(), nullable=True),
        sa.Column("order_id", sa.String(), nullable=True),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("start_date", billing.columns.Moment(), nullable=False),
        sa.Column("end_date", billing.columns.Moment(), nullable=False),
        sa.Column("content", billing.columns.Json(), nullable=False),
        sa.Column("total", billing.columns.Exact(), nullable=False),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("generated_at", billing.columns.Moment(), nullable=False),
        sa.Column("sealed_at", billing.columns.Moment(), nullable=True),
        sa.Column("published_at", billing.columns.Moment(), nullable=True),
        sa.Column("publish_expires_at", billing.columns.Moment(), nullable=True),
        sa.Column("archived_at", billing.columns.Moment(), nullable=True),
        sa.Column("allow_embed", sa.Boolean(), nullable=False),
        sa.Column("created_at", billing.columns.Moment(), nullable=False),
        sa.Column("updated_at", billing.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_value_receipts_customer_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_value_receipts_order_id")),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_value_receipts_product_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_value_receipts")),
        sa.UniqueConstraint("public_url_token", name=op.f("uq_value_receipts_public_url_token")),
    )
    with op.batch_alter_table("value_receipts", schema=None) as batch_op:
        batch_op.create_index("ix_value_receipts_found", ["customer_id", "start_date", "end_date"], unique=False)
        batch_op.create_index(batch_op.f("ix_value_receipts_order_id"), ["order_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_value_receipts_product_id"), ["product_id"], unique=False)

    op.create_table(
        "credit_grant_totals",
        sa.Column("grant_id", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("inside_micro", sa.BigInteger(), nullable=False),
        sa.Column("rollover_spent_micro", sa.BigInteger(), nullable=False),
        sa.Column("overage_micro", sa.BigInteger(), nullable=False),
        sa.Column("void_micro", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["grant_id"], ["credit_grants.id"], name=op.f("fk_credit_grant_totals_grant_id")),
        sa.PrimaryKeyConstraint("grant_id", name=op.f("pk_credit_grant_totals")),
    )
    op.create_table(
        "customer_unit_cap_progress",
        sa.Column("cap_id", sa.String(), nullable=False),
        sa.Column("period", billing.columns.Moment(), nullable=False),
        sa.Column("left_micro", sa.BigInteger(), nullable=True),
        sa.Column("reached_period", billing.columns.Moment(), nullable=True),
        sa.ForeignKeyConstraint(
            ["cap_id"], ["customer_unit_caps.id"], name=op.f("fk_customer_unit_cap_progress_cap_id")
        ),
        sa.PrimaryKeyConstraint("cap_id", name=op.f("pk_customer_unit_cap_progress")),
    )
    op.create_table(
        "invoice_lines",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("invoice_id", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=True),
        sa.Column("order_line_id", sa.String(), nullable=True),
        sa.Column("order_attribute_id", sa.String(), nullable=True),
        sa.Column("line_type", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("start_date", billing.columns.Moment(), nullable=False),
        sa.Column("end_date", billing.columns.Moment(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("credited", sa.BigInteger(), nullable=False),
        sa.Column("paid", sa.BigInteger(), nullable=False),
        sa.Column("details", billing.columns.Json(), nullable=True),
        sa.Column("created_at", billing.columns.Moment(), nullable=False),
        sa.Column("updated_at", billing.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_invoice_lines_invoice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice_lines")),
        sa.UniqueConstraint("key", name=op.f("uq_invoice_lines_key")),
    )
    with op.batch_alter_table("invoice_lines", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_invoice_lines_invoice_id"), ["invoice_id"], unique=False)

    op.create_table(
        "order_attributes",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("order_line_id", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("product_id", sa.String(), nullable=False),
        sa.Column("product_attribute_id", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("event_name", sa.String(), nullable=True),
        sa.Column("pricing_type", sa.String(), nullable=False),
        sa.Column("pricing", billing.columns.Json(), nullable=False),
        sa.Column("credit_benefits", billing.columns.Json(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", billing.columns.Moment(), nullable=False),
        sa.Column("valid_to", billing.columns.Moment(), nullable=True),
        sa.Column("series", sa.String(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("opened_by", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_order_attributes_customer_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_attributes_order_id")),
        sa.ForeignKeyConstraint(["order_line_id"], ["order_lines.id"], name=op.f("fk_order_attributes_order_line_id")),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_order_attributes_product_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_attributes")),
    )
    with op.batch_alter_table("order_attributes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_order_attributes_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index("ix_order_attributes_match", ["product_id", "event_name"], unique=False)
        batch_op.create_index(batch_op.f("ix_order_attributes_order_id"), ["order_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_order_attributes_order_line_id"), ["order_line_id"], unique=False)

    op.create_table(
        "order_seats",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("order_line_id", sa.String(), nullable=False),
        sa.Column("product_id", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=True),
        sa.Column("ended_at", billing.columns.Moment(), nullable=True),
        sa.Column("created_at", billing.columns.Moment(), nullable=False),
        sa.Column("updated_at", billing.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_seats_order_id")),
        sa.ForeignKeyConstraint(["order_line_id"], ["order_lines.id"], name=op.f("fk_order_seats_order_line_id")),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_order_seats_product_id")),
        sa.ForeignKeyConstraint(["user_id"], ["customer_users.id"], name=op.f("fk_order_seats_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_seats")),
        sa.UniqueConstraint("order_line_id", "position", name=op.f("uq_order_seats_order_line_id_position")),
    )
    with op.batch_alter_table("order_seats", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_order_seats_order_id"), ["order_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_order_seats_user_id"), ["user_id"], unique=False)

    op.create_table(
        "payments",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=True),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("invoice_id", sa.String(), nullable=True),
        sa.Column("order_id", sa.String(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("allocated", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("payment_date", billing.columns.Moment(), nullable=False),
        sa.Column("payment_type", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("metadata", billing.columns.Json(), nullable=True),
        sa.Column("created_at", billing.columns.Moment(), nullable=False),
        sa.Column("updated_at", billing.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_payments_customer_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_payments_invoice_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_payments_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
        sa.UniqueConstraint("key", name=op.f("uq_payments_key")),
        sa.UniqueConstraint("number", name=op.f("uq_payments_number")),
    )
    with op.batch_alter_table("payments", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_payments_customer_id"), ["customer_id"], unique=False)

    op.create_table(
        "xero_invoices",
        sa.Column("invoice_id", sa.String(), nullable=False),
        sa.Column("xero_id", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("sent_at", billing.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_xero_invoices_invoice_id")),
        sa.PrimaryKeyConstraint("invoice_id", name=op.f("pk_xero_invoices")),
    )
    op.create_table(
        "payment_allocations",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("payment_id", sa.String(), nullable=False),
        sa.Column("invoice_id", sa.String(), nullable=False),
        sa.Column("invoice_line_id", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("allocation_date", billing.columns.Moment(), nullable=False),
        sa.Column("created_at", billing.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_payment_allocations_invoice_id")),
        sa.ForeignKeyConstraint(
            ["invoice_line_id"], ["invoice_lines.id"], name=op.f("fk_payment_allocations_invoice_line_id")
        ),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_payment_allocations_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_allocations")),
    )
    with op.batch_alter_table("payment_allocations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_payment_allocations_invoice_id"), ["invoice_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_payment_allocations_invoice_line_id"), ["invoice_line_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_payment_allocations_payment_id"), ["payment_id"], unique=False)

    op.create_table(
        "xero_payments",
        sa.Column("payment_id", sa.String(), nullable=False),
        sa.Column("invoice_id", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("xero_id", sa.String(), nullable=False),
        sa.Column("sent_at", billing.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_xero_payments_invoice_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_xero_payments_payment_id")),
        sa.PrimaryKeyConstraint("payment_id", "invoice_id", name=op.f("pk_xero_payments")),
    )

    for table in ("audit_log", "credit_grants", "ledger_entries"):
        for statement in statements(table, op.get_bind().dialect.name):
            op.execute(statement)
