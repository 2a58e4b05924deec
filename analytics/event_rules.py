"""All that decides what an event earns, bears and is worth, in one frozen bundle for the stages."""

from dataclasses import dataclass
from typing import Literal

from analytics.revenue_rules import RevenueRule
from analytics.value_model import ValueModel
from pricing_tables.fx import FxTable

NO_FX = FxTable()


@dataclass(frozen=True)
class EventRules:
    """What the stages need to know about events besides the data itself.

    revenue: what events earn, see `analytics.revenue`. fx: what foreign currencies are worth. attribution: whether an
    event that shares a cost with others shows its part of it ("split") or all of it ("each"). value: the versions of
    the value model, oldest first.
    """

    revenue: tuple[RevenueRule, ...] = ()
    fx: FxTable = NO_FX
    attribution: Literal["split", "each"] = "split"
    value: tuple[ValueModel, ...] = ()
