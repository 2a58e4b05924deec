"""The routes, a module a resource. ROUTERS: all of them; within a module, fixed paths come before those with names.

What goes on below a customer comes before `customers`, whose paths end in an external id that may have slashes.
"""

from typing import Final

from fastapi import APIRouter

from billing.api.routes import (
    amendments,
    analytics,
    checkouts,
    contacts,
    costs,
    credit_currencies,
    custom_views,
    customer_aliases,
    customer_credits,
    customer_groups,
    customer_portals,
    customer_state,
    customer_unit_caps,
    customer_units,
    customer_users,
    customers,
    invoices,
    keys,
    order_seats,
    orders,
    payment_methods,
    payments,
    plans,
    pricing,
    products,
    signals,
    value_metrics,
    value_models,
    value_receipts,
    webhooks,
)

ROUTERS: Final[tuple[APIRouter, ...]] = (
    webhooks.routes,
    checkouts.routes,
    customer_portals.routes,
    payment_methods.routes,
    credit_currencies.routes,
    keys.routes,
    customer_credits.routes,
    products.routes,
    signals.routes,
    plans.routes,
    pricing.routes,
    amendments.routes,
    order_seats.routes,
    orders.routes,
    invoices.routes,
    payments.routes,
    contacts.routes,
    costs.routes,
    customer_groups.routes,
    customer_users.routes,
    customer_aliases.routes,
    customer_state.routes,
    customer_unit_caps.routes,
    customer_units.routes,
    value_metrics.routes,
    value_models.routes,
    value_receipts.routes,
    analytics.routes,
    custom_views.routes,
    customers.routes,
)
