"""The routes, a module a resource. ROUTERS: all of them; within a module, fixed paths come before those with names.

What goes on below a customer comes before `customers`, whose paths end in an external id that may have slashes.
"""

from typing import Final

from fastapi import APIRouter

from billing.api.routes import (
    analytics,
    contacts,
    credit_currencies,
    credits,
    custom_views,
    customer_aliases,
    customer_groups,
    customer_unit_caps,
    customer_units,
    customer_users,
    customers,
    invoices,
    keys,
    order_seats,
    orders,
    payments,
    plans,
    pricing,
    products,
    value_metrics,
    value_models,
    value_receipts,
    webhooks,
)

ROUTERS: Final[tuple[APIRouter, ...]] = (
    webhooks.routes,
    credit_currencies.routes,
    credits.routes,
    products.routes,
    plans.routes,
    pricing.routes,
    order_seats.routes,
    orders.routes,
    invoices.routes,
    payments.routes,
    contacts.routes,
    customer_groups.routes,
    customer_users.routes,
    customer_aliases.routes,
    customer_unit_caps.routes,
    customer_units.routes,
    customers.routes,
    keys.routes,
    value_metrics.routes,
    value_models.routes,
    value_receipts.routes,
    analytics.routes,
    custom_views.routes,
)
