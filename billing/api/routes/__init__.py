"""The routes, a module a resource. ROUTERS: all of them; within a module, fixed paths come before those with names.

What goes on below a customer comes before `customers`, whose paths end in an external id that may have slashes.
"""

from typing import Final

from fastapi import APIRouter

from billing.api.routes import (
    contacts,
    credit_currencies,
    credits,
    customer_aliases,
    customer_groups,
    customer_unit_caps,
    customer_units,
    customer_users,
    customers,
    keys,
    plans,
    pricing,
    products,
    signals,
)

ROUTERS: Final[tuple[APIRouter, ...]] = (
    credit_currencies.routes,
    keys.routes,
    credits.routes,
    products.routes,
    signals.routes,
    plans.routes,
    pricing.routes,
    contacts.routes,
    customer_groups.routes,
    customer_users.routes,
    customer_aliases.routes,
    customer_unit_caps.routes,
    customer_units.routes,
    customers.routes,
)
