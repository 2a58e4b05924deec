"""Whose span it is: customer, product and cost scope as the span itself says, before anything is inherited."""

from dataclasses import dataclass

import polars as pl

from receiver import wide
from receiver.frames import Wanted


@dataclass(frozen=True, slots=True)
class IdentityConfig:
    """Attribute names that carry an identity, the most telling first.

    Every name is looked for on the span first and only when none is there on the resource: a process that serves one
    customer may say so once, and a span that knows better overrides it. Cost scopes are of a single piece of work,
    so they are read from spans only. A session id is never a customer: it changes with every visit.
    """

    customer_keys: tuple[str, ...] = (
        "external_customer_id",
        "customer.id",
        "enduser.id",
        "user.id",
        "langfuse.user.id",
    )
    product_keys: tuple[str, ...] = ("external_agent_id", "external_product_id", "product.id")
    scope_keys: tuple[str, ...] = ("paid_scope_id", "marginlake.cost_scope")

    @property
    def wanted(self) -> Wanted:
        """What the decoder must provide for ``own_identity``."""
        shared = frozenset(self.customer_keys + self.product_keys)
        return Wanted(span_keys=shared | frozenset(self.scope_keys), resource_keys=shared)


def own_identity(spans: pl.DataFrame, config: IdentityConfig) -> pl.DataFrame:
    """Add ``customer_id``, ``product_id`` and ``cost_scope`` (String, null where the span does not say).

    An empty string counts as absent. Needs the wide columns of ``config.wanted``; missing ones are read as null.
    """
    return spans.with_columns(
        _own(spans, config.customer_keys).alias("customer_id"),
        _own(spans, config.product_keys).alias("product_id"),
        wide.first(spans, *config.scope_keys).alias("cost_scope"),
    )


def _own(spans: pl.DataFrame, keys: tuple[str, ...]) -> pl.Expr:
    return pl.coalesce(wide.first(spans, *keys), wide.first_resource(spans, *keys))
