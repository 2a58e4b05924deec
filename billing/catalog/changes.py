"""What follows when something of the catalog changes."""

from datetime import datetime

from sqlalchemy.orm import Session

from billing.orders.reprice import follow_catalog


def prices_changed(session: Session, product_id: str, now: datetime) -> None:
    """Let running orders that follow the product, or a plan of it, have the new prices from now on."""
    session.flush()
    follow_catalog(session, product_id, now)
