"""The whole plan of the demo: how much of each kind of work happened, and the signals that belong to no trace."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from marginlake.demo import scenarios
from marginlake.demo.company import BETA_CUSTOMER, CUSTOMERS, SHOP, SUPPORT, Company
from marginlake.demo.plan import Plan, Signal, Trace

_WORK: tuple[tuple[Callable[[Company], Trace], int], ...] = (
    (scenarios.ticket, 90),
    (scenarios.escalation, 14),
    (scenarios.shop_chat, 120),
    (scenarios.email, 60),
    (scenarios.house_model, 9),
    (scenarios.evaluation, 8),
)
_CONTRACTS = 26


def tell(now: datetime | None = None, *, seed: int = 20261123, share: float = 1.0) -> Plan:
    """Plan the traffic of the last day and a half before `now` (default: this moment).

    `share` scales how much of each kind of work there is (at least one of each). Same `now` and seed, same plan.
    """
    company = Company(random.Random(seed), now or datetime.now(UTC))
    traces = [work(company) for work, times in _WORK for _ in range(max(1, round(times * share)))]
    contracts = max(2, round(_CONTRACTS * share))
    traces += [scenarios.contract(company, signal_early=number % 2 == 0) for number in range(contracts)]
    company.dice.shuffle(traces)
    return Plan(tuple(traces), _signals_without_trace(company))


def _signals_without_trace(company: Company) -> tuple[Signal, ...]:
    """Seats (billed, not cost traced) and thumbs up (no price known), sent by REST."""
    morning = company.now - timedelta(hours=3)
    seats = [
        Signal("seat_active", SUPPORT, customer, {"quantity": seats}, False, None, f"seat-{customer}", morning)
        for customer, seats in ((CUSTOMERS[-1], 12), (BETA_CUSTOMER, 5))
    ]
    thumbs = [Signal("thumbs_up", SHOP, BETA_CUSTOMER, {}, traced=False, at=company.moment()) for _ in range(7)]
    return (*seats, *thumbs)
