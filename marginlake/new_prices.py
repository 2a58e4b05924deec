"""What stored calls are to be priced by: a catalog with everything else the settings say about prices."""

import hashlib

from analytics.reprice_rows import NewPrices
from marginlake.config import Config
from marginlake.estimates import estimate_stored
from marginlake.price_book import record_catalog
from marginlake.rules import Rules


def under(settings: Config, catalog_id: str | None) -> Config:
    """The same settings with another catalog (the beginning of its id), if one is named."""
    if catalog_id is None:
        return settings
    return settings.model_copy(update={"pricing": settings.pricing.model_copy(update={"catalog": catalog_id})})


def new_prices(settings: Config, rules: Rules) -> NewPrices:
    """The prices of `rules`, which were made from `settings`."""
    said = settings.pricing.model_dump_json(exclude={"catalog"})
    return NewPrices(
        catalog_id=rules.catalog.catalog_id,
        rules_id=hashlib.sha256(said.encode()).hexdigest()[:12],
        price=rules.price_again,
        estimate=lambda tx, calls: estimate_stored(tx, calls, rules.tokens, rules.price_again.trust_reported),
        own_rates=frozenset(rules.price_again.book.rate_ids.drop_nulls()),
        record=lambda tx: record_catalog(tx, rules.catalog, rules.price_again.book),
    )
