"""The tables of the business database, one module a subject; importing this package knows them all."""

from billing.tables import (
    audit,
    catalog,
    checkouts,
    customers,
    invoices,
    keys,
    ledger,
    metering,
    orders,
    receipts,
    value,
    webhooks,
    xero,
)
from billing.tables.base import Base

__all__ = [
    "Base",
    "audit",
    "catalog",
    "checkouts",
    "customers",
    "invoices",
    "keys",
    "ledger",
    "metering",
    "orders",
    "receipts",
    "value",
    "webhooks",
    "xero",
]
