"""All that decides what an event earns, bears and is worth, in one frozen bundle for the stages."""

from dataclasses import dataclass

from analytics.revenue_rules import RevenueRule


@dataclass(frozen=True)
class EventRules:
    """What the stages need to know about events besides the data itself.

    revenue: what events earn, see `analytics.revenue`.
    """

    revenue: tuple[RevenueRule, ...] = ()
