"""All that decides what a span means and costs, in one frozen bundle: identity keys, prices, revenue, privacy."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xxhash

from analytics.event_rules import EventRules
from analytics.revenue_parse import parse_rules
from analytics.revenue_rules import RevenueError
from billing.value.feed import Fed
from marginlake.catalogs import Catalog, CatalogChoiceError, CatalogError, Pricer, choose
from marginlake.config import Config, ConfigError
from marginlake.tokenizers import tokenizers_of
from marginlake.value_store import models_from
from pricing_tables.own_book import parse_book
from pricing_tables.own_fields import OwnPriceError
from pricing_tables.tokens import Tokenizers
from receiver.dialects import DIALECTS, WANTED_KEYS, Dialect
from receiver.dialects.custom import custom_dialects
from receiver.dialects.custom_source import DialectError
from receiver.frames import Wanted
from receiver.identity import IdentityConfig
from receiver.process import PROCESS_WANTED
from receiver.signals.schema import SIGNALS_WANTED


@dataclass(frozen=True)
class Rules:
    """The inputs of the pure stages besides the data itself.

    `price_again` has the catalog and the operator's own rules; called, it prices calls read back from the lake.
    dialects: in the order of asking, the operator's own first. own_dialects: hash of what the configuration says of
    these; empty when it says nothing.
    """

    wanted: Wanted
    identity: IdentityConfig
    catalog: Catalog
    price_again: Pricer
    events: EventRules
    capture_content: bool
    dialects: tuple[Dialect, ...]
    own_dialects: str
    tokens: Tokenizers


def rules_from(
    config: Config,
    data_dir: Path | None,
    stored_revenue: Sequence[Mapping[str, Any]] = (),
    stored_values: Sequence[Mapping[str, Any]] = (),
    orders: Sequence[Mapping[str, Any]] = (),
    api_values: Fed | None = None,
) -> Rules:
    """Compile settings into rules. `stored_revenue` (as the lake keeps it) is used when the settings name none.
    `stored_values` are the versions of the value model that the lake has. `orders`: rules that come from orders, after
    the others. `api_values`: the value model of the REST API (None: what the newest of the versions has of it).

    Raises ConfigError with one line when an entry of revenue, value or prices, a dialect, or the catalog's name, is
    wrong.
    """
    identity = IdentityConfig(
        customer_keys=config.identity.customer,
        product_keys=config.identity.product,
        scope_keys=config.identity.scope,
    )
    try:
        revenue = parse_rules([*(config.revenue or stored_revenue), *orders])
        price_again = pricer_from(config, data_dir)
        own = custom_dialects(config.dialects)
    except (RevenueError, DialectError) as error:
        raise ConfigError(str(error)) from None
    return Rules(
        wanted=Wanted(
            span_keys=WANTED_KEYS.union(
                SIGNALS_WANTED.span_keys, identity.wanted.span_keys, *(dialect.keys for dialect in own)
            ),
            resource_keys=identity.wanted.resource_keys.union(
                PROCESS_WANTED.resource_keys, *(dialect.resource_keys for dialect in own)
            ),
            event_names=SIGNALS_WANTED.event_names,
        ),
        identity=identity,
        catalog=price_again.current,
        price_again=price_again,
        events=EventRules(
            revenue=revenue,
            fx=price_again.fx,
            attribution=config.linking.attribution,
            value=models_from(config.value, data_dir, stored_values, api_values),
        ),
        capture_content=config.capture_content,
        dialects=(*own, *DIALECTS),
        own_dialects=_fingerprint(config.dialects),
        tokens=tokenizers_of(data_dir),
    )


def _fingerprint(sections: Mapping[str, Any]) -> str:
    return xxhash.xxh3_64_hexdigest(json.dumps(sections, default=str).encode()) if sections else ""


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
