"""All that decides what a span means and costs, in one frozen bundle: identity keys, catalog, revenue, privacy."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import xxhash

from analytics.revenue_rules import RevenueError, RevenueRule, parse_rules
from marginlake.catalogs import Catalog, CatalogChoiceError, CatalogError, TrustReported, choose, pricer
from marginlake.config import Config, ConfigError
from marginlake.tokenizers import tokenizers_of
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
    """The inputs of the pure stages besides the data itself. `price_again` prices calls read back from the lake.

    dialects: in the order of asking, the operator's own first. own_dialects: hash of what the configuration says of
    these; empty when it says nothing.
    """

    wanted: Wanted
    identity: IdentityConfig
    catalog: Catalog
    price_again: Callable[[pl.DataFrame], pl.DataFrame]
    revenue: tuple[RevenueRule, ...]
    trust_reported: TrustReported
    capture_content: bool
    dialects: tuple[Dialect, ...]
    own_dialects: str
    tokens: Tokenizers


def rules_from(config: Config, data_dir: Path | None, stored_revenue: Sequence[Mapping[str, Any]] = ()) -> Rules:
    """Compile settings into rules. `stored_revenue` (as the lake keeps it) is used when the settings name none.

    Raises ConfigError with one line when a revenue entry, a dialect or the catalog's name is wrong.
    """
    identity = IdentityConfig(
        customer_keys=config.identity.customer,
        product_keys=config.identity.product,
        scope_keys=config.identity.scope,
    )
    try:
        revenue = parse_rules(config.revenue or stored_revenue)
        catalog = choose(data_dir, config.pricing.catalog)
        own = custom_dialects(config.dialects)
    except (RevenueError, CatalogChoiceError, CatalogError, DialectError) as error:
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
        catalog=catalog,
        price_again=pricer(data_dir, catalog, config.pricing.trust_reported),
        revenue=revenue,
        trust_reported=config.pricing.trust_reported,
        capture_content=config.capture_content,
        dialects=(*own, *DIALECTS),
        own_dialects=_fingerprint(config.dialects),
        tokens=tokenizers_of(data_dir),
    )


def _fingerprint(sections: Mapping[str, Any]) -> str:
    return xxhash.xxh3_64_hexdigest(json.dumps(sections, default=str).encode()) if sections else ""
