"""Working out again what some traces of the lake cost and earn: nothing new comes in, only differences are written."""

import polars as pl

from analytics.component import Component, Pricer, Seeds, load_component
from analytics.event_rules import EventRules
from analytics.recompute import Changes, nothing_fresh, recompute
from lake.commit import Transaction


def seeds_of(traces: pl.Series | None = None, scopes: pl.Series | None = None) -> Seeds:
    """Seeds of a part of the lake: trace ids, or scopes that signals claim."""
    none = pl.Series([], dtype=pl.String)
    return Seeds(none if traces is None else traces, none, none if scopes is None else scopes, none)


def around(tx: Transaction, seeds: Seeds, rules: EventRules, price: Pricer) -> Changes:
    """Recompute the part of the lake that is connected with the seeds."""
    return rework(tx, load_component(tx, seeds, price), rules)


def rework(tx: Transaction, part: Component, rules: EventRules) -> Changes:
    """Recompute a part of the lake as it is given, and write what differs from what is stored."""
    return recompute(tx, part, nothing_fresh(part.calls), rules)
