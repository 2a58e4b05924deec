"""All that decides what a span means and costs, in one frozen bundle: identity keys, prices, revenue, privacy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analytics.revenue_rules import RevenueError, RevenueRule, parse_rules
from marginlake.catalogs import Catalog, CatalogChoiceError, CatalogError, Pricer, choose
from marginlake.config import Config, ConfigError
from pricing_tables.own_book import parse_book
from pricing_tables.own_fields import OwnPriceError
from receiver.dialects import WANTED_KEYS
from receiver.frames import Wanted
from receiver.identity import IdentityConfig
from receiver.signals.schema import SIGNALS_WANTED


@dataclass(frozen=True)
class Rules:
    """The inputs of the pure stages besides the data itself.

    `price_again` has the catalog and the operator's own rules; called, it prices calls read back from the lake.
    """

    wanted: Wanted
    identity: IdentityConfig
    catalog: Catalog
    price_again: Pricer
    revenue: tuple[RevenueRule, ...]
    capture_content: bool


def rules_from(config: Config, data_dir: Path | None, stored_revenue: Sequence[Mapping[str, Any]] = ()) -> Rules:
    """Compile settings into rules. `stored_revenue` (as the lake keeps it) is used when the settings name none.

    Raises ConfigError with one line when an entry of revenue or prices, or the catalog's name, is wrong.
    """
    identity = IdentityConfig(
        customer_keys=config.identity.customer,
        product_keys=config.identity.product,
        scope_keys=config.identity.scope,
    )
    try:
        revenue = parse_rules(config.revenue or stored_revenue)
        price_again = pricer_from(config, data_dir)
    except RevenueError as error:
        raise ConfigError(str(error)) from None
    return Rules(
        wanted=Wanted(
            span_keys=WANTED_KEYS | SIGNALS_WANTED.span_keys | identity.wanted.span_keys,
            resource_keys=identity.wanted.resource_keys,
            event_names=SIGNALS_WANTED.event_names,
        ),
        identity=identity,
        catalog=price_again.current,
        price_again=price_again,
        revenue=revenue,
        capture_content=config.capture_content,
    )


def pricer_from(config: Config, data_dir: Path | None, catalog: str | None = None) -> Pricer:
    """The catalog (`catalog`, else the settings' choice) and the operator's own prices, ready to price with.

    Raises ConfigError with one line naming the entry and key, or the catalog.
    """
    pricing = config.pricing
    try:
        book, fx = parse_book(pricing.override, pricing.alias, pricing.fx)
        chosen = choose(data_dir, catalog or pricing.catalog)
    except (OwnPriceError, CatalogChoiceError, CatalogError) as error:
        raise ConfigError(str(error)) from None
    return Pricer(data_dir, chosen, book, fx, pricing.trust_reported)
