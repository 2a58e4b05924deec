"""The tables of the business database, one module a subject; importing this package knows them all."""

from billing.tables import audit, catalog, customers, invoices, keys, ledger, orders, receipts, value, webhooks
from billing.tables.base import Base

__all__ = [
    "Base", "audit", "catalog", "customers", "invoices", "keys", "ledger", "orders", "receipts", "value", "webhooks",
]  # fmt: skip
