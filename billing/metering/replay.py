"""Signals that came before their order: debited in the order in which they happened, once it is there."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from billing.context import Billing
from billing.metering.follow import meter_stretch
from billing.tables.customers import Customer, CustomerAlias


def replay(billing: Billing, customer_id: str, product_ids: Sequence[str], since: datetime, until: datetime) -> int:
    """Debit what a customer's signals of some products from `since` to `until` burn; gives how many debits that are.

    Those that were debited already change nothing. product_ids: only says that there is something to do; what a signal
    burns is up to its own product.
    """
    if not product_ids or since > until:
        return 0
    with billing.database.read() as session:
        customer = session.get(Customer, customer_id)
        if customer is None:
            return 0
        aliases = session.scalars(select(CustomerAlias.alias).where(CustomerAlias.customer_id == customer_id)).all()
        names = [customer.id, *aliases, *([customer.external_id] if customer.external_id else [])]
    return meter_stretch(billing, since, until, names)
