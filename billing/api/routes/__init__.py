"""The routes, a module a resource. ROUTERS: all of them; within a module, fixed paths come before those with names."""

from typing import Final

from fastapi import APIRouter

from billing.api.routes import (
    credit_currencies,
    keys,
    plans,
    pricing,
    products,
    value_metrics,
    value_models,
    value_receipts,
)

ROUTERS: Final[tuple[APIRouter, ...]] = (
    credit_currencies.routes,
    keys.routes,
    products.routes,
    plans.routes,
    pricing.routes,
    value_metrics.routes,
    value_models.routes,
    value_receipts.routes,
)
