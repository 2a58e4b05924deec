"""Signals that came before their order, or before a name led to their customer: debited in the order of their time."""

import logging
from collections.abc import Sequence
from datetime import datetime

import duckdb
from sqlalchemy import select

from billing.context import Billing
from billing.metering.follow import BEGINNING, look_at_everything, meter_stretch
from billing.tables.customers import Customer, CustomerAlias
from lake.connect import first_line

log = logging.getLogger(__name__)


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
    return _metered(billing, since, until, names)


def replay_name(billing: Billing, name: str, until: datetime) -> int:
    """Debit what signals under a name burn, now that it leads to another customer; gives how many debits that are."""
    return _metered(billing, BEGINNING, until, [name])


def _metered(billing: Billing, since: datetime, until: datetime, names: list[str]) -> int:
    try:
        return meter_stretch(billing, since, until, names)
    except (duckdb.Error, OSError) as error:
        # What led here is done and stays; the follower makes up for it once the lake can be read.
        log.error("the lake cannot be read: the follower will look at all of it: %s", first_line(error))
        billing.database.write(look_at_everything)
        return 0
