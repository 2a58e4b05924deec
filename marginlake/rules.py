"""All that decides what a span means and costs, in one frozen bundle: identity keys, catalog, revenue, privacy."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from analytics.revenue_rules import RevenueError, RevenueRule, parse_rules
from marginlake.catalogs import Catalog, CatalogChoiceError, CatalogError, TrustReported, choose, pricer
from marginlake.config import Config, ConfigError
from marginlake.tokenizers import tokenizers_of
from pricing_tables.tokens import Tokenizers
from receiver.dialects import WANTED_KEYS
from receiver.frames import Wanted
from receiver.identity import IdentityConfig
from receiver.signals.schema import SIGNALS_WANTED


@dataclass(frozen=True)
class Rules:
    """The inputs of the pure stages besides the data itself. `price_again` prices calls read back from the lake."""

    wanted: Wanted
    identity: IdentityConfig
    catalog: Catalog
    price_again: Callable[[pl.DataFrame], pl.DataFrame]
    revenue: tuple[RevenueRule, ...]
    trust_reported: TrustReported
    capture_content: bool
    tokens: Tokenizers


def rules_from(config: Config, data_dir: Path | None, stored_revenue: Sequence[Mapping[str, Any]] = ()) -> Rules:
    """Compile settings into rules. `stored_revenue` (as the lake keeps it) is used when the settings name none.

    Raises ConfigError with one line when a revenue entry or the catalog's name is wrong.
    """
    identity = IdentityConfig(
        customer_keys=config.identity.customer,
        product_keys=config.identity.product,
        scope_keys=config.identity.scope,
    )
    try:
        revenue = parse_rules(config.revenue or stored_revenue)
        catalog = choose(data_dir, config.pricing.catalog)
    except (RevenueError, CatalogChoiceError, CatalogError) as error:
        raise ConfigError(str(error)) from None
    return Rules(
        wanted=Wanted(
            span_keys=WANTED_KEYS | SIGNALS_WANTED.span_keys | identity.wanted.span_keys,
            resource_keys=identity.wanted.resource_keys,
            event_names=SIGNALS_WANTED.event_names,
        ),
        identity=identity,
        catalog=catalog,
        price_again=pricer(data_dir, catalog, config.pricing.trust_reported),
        revenue=revenue,
        trust_reported=config.pricing.trust_reported,
        capture_content=config.capture_content,
        tokens=tokenizers_of(data_dir),
    )
