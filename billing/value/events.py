"""Which events there are: those that came, and those that a price of an active product names."""

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.context import LakeReader
from billing.tables.catalog import Product, ProductAttribute


def is_known(session: Session, lake: LakeReader | None, event_name: str) -> bool:
    """Whether an event of this name was seen, or has a price on an active product."""
    priced = session.scalars(
        select(ProductAttribute.pricing)
        .join(Product, Product.id == ProductAttribute.product_id)
        .where(Product.active, Product.archived_at.is_(None), ProductAttribute.active)
    )
    if any(pricing is not None and pricing.get("eventName") == event_name for pricing in priced):
        return True
    if lake is None:
        return False
    wanted = pl.DataFrame({"event_name": [event_name]}, schema={"event_name": pl.String})
    found = lake.read("SELECT 1 AS seen FROM signals WHERE event_name IN (SELECT event_name FROM wanted) LIMIT 1",
                      wanted=wanted)  # fmt: skip
    return found.height > 0
