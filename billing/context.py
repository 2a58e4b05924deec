"""What every part of the business works with: the database, the time of day, and what it is told by the service."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import polars as pl

from billing.api.schemas.costs import CostIngestResponse, CostRecord
from billing.checkout.providers import Manual, PaymentProvider
from billing.clock import Clock, utc_now
from billing.database import Database
from billing.webhooks.addresses import WebhookSettings


class LakeReader(Protocol):
    """The lake, as far as the business asks it (`lake.connect.Lake` is one); may be used from any thread."""

    def read(self, sql: str, **frames: pl.DataFrame) -> pl.DataFrame:
        """Rows of one query on the newest committed state; `frames` are readable as tables of their names."""
        ...


@dataclass(eq=False)
class Billing:
    """The parts that requests and jobs share. `public_url` is where browsers reach this service, without a slash; the
    service sets it again once it knows its port. Nothing else changes.

    lake: None where only the business database is at hand. allow_negative: balances show pending consumption as credits
    below zero. settled: waits until every debit that is owed has been made; raises BillingError when that takes long.
    lake_dir: the lake's directory, for queries on a connection of their own. take_costs: takes stated costs in,
    durably, or raises the API's errors and takes none.
    """

    database: Database
    lake: LakeReader | None = None
    public_url: str = "http://127.0.0.1:4318"
    clock: Clock = utc_now
    allow_negative: bool = False
    settled: Callable[[], None] = lambda: None
    take_costs: Callable[[Sequence[CostRecord]], CostIngestResponse] | None = None
    lake_dir: Path | None = None
    webhooks: WebhookSettings = field(default_factory=WebhookSettings)
    payments: PaymentProvider = field(default_factory=Manual)
