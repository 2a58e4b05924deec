"""What the lake must say after a plan was sent: computed from the plan alone, compared with the lake by `check`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from marginlake.demo.plan import Plan, Signal, Tokens, quantity_of


@dataclass(frozen=True, slots=True)
class Truth:
    """The known totals of one plan. `calls_of_event` counts, per event, the calls its signals bear."""

    spans: int
    calls: int
    priced: int
    unpriced: int
    zero_rated: int
    aggregates: int
    signals: int
    otlp_signals: int
    tokens: Tokens
    unclaimed_calls: int
    calls_by_customer: Mapping[str | None, int]
    signals_by_event: Mapping[str, int]
    calls_of_event: Mapping[str, int]
    revenue_by_event: Mapping[str, Decimal | None]


def of(plan: Plan, rules: Sequence[Mapping[str, Any]]) -> Truth:
    """Sum up a plan. `rules` are the `[[revenue]]` tables of the demo's configuration."""
    statuses: Counter[str] = Counter()
    by_customer: Counter[str | None] = Counter()
    by_event: Counter[str] = Counter()
    borne: Counter[str] = Counter()
    tokens = Tokens()
    unclaimed = otlp = aggregates = spans = 0
    for trace in plan.traces:
        calls = trace.calls()
        inside = trace.otlp_signals()
        signals = [*inside, *trace.api_signals]
        statuses.update(call.status for call in calls)
        by_customer[trace.customer] += len(calls)
        by_event.update(signal.event for signal in signals)
        for signal in signals:
            borne[signal.event] += len(calls) if signal.traced else 0
        unclaimed += 0 if any(signal.traced for signal in signals) else len(calls)
        tokens = sum((call.tokens for call in calls if call.tokens is not None), start=tokens)
        spans += len(trace.spans())
        aggregates += sum(span.aggregate for span in trace.spans())
        otlp += len(inside)
    by_event.update(signal.event for signal in plan.extra_signals)
    return Truth(
        spans=spans,
        calls=statuses.total(),
        priced=statuses["priced"],
        unpriced=statuses["unpriced"],
        zero_rated=statuses["zero_rated"],
        aggregates=aggregates,
        signals=by_event.total(),
        otlp_signals=otlp,
        tokens=tokens,
        unclaimed_calls=unclaimed,
        calls_by_customer=dict(by_customer),
        signals_by_event=dict(by_event),
        calls_of_event={event: borne[event] for event in by_event},
        revenue_by_event=_revenue(plan, rules),
    )


def _revenue(plan: Plan, rules: Sequence[Mapping[str, Any]]) -> dict[str, Decimal | None]:
    """Revenue per event in US dollars; None where no rule prices the event."""
    signals = [signal for trace in plan.traces for signal in (*trace.otlp_signals(), *trace.api_signals)]
    revenue: dict[str, Decimal | None] = {}
    for signal in (*signals, *plan.extra_signals):
        amount = _price(signal, rules)
        if amount is None:
            revenue.setdefault(signal.event, None)
        else:
            revenue[signal.event] = (revenue.get(signal.event) or Decimal(0)) + amount
    return revenue


def _price(signal: Signal, rules: Sequence[Mapping[str, Any]]) -> Decimal | None:
    """The revenue of one signal: its customer's own rule before the general one."""
    fitting = [
        rule
        for rule in rules
        if rule["event"] == signal.event
        and rule.get("product") in (None, signal.product)
        and rule.get("customer") in (None, signal.customer)
    ]
    if not fitting:
        return None
    rule = max(fitting, key=lambda each: "customer" in each)
    if "when" in rule:
        field, _, wanted = rule["when"].removeprefix("data.").partition(" == ")
        if signal.data.get(field) != (wanted == "true"):
            return Decimal(0)
    unit = _unit_price(rule)
    path = rule.get("quantity_path")
    quantity = quantity_of(signal) if path in (None, "quantity") else Decimal(str(signal.data[path]))
    return unit * quantity


def _unit_price(rule: Mapping[str, Any]) -> Decimal:
    """US dollars for a quantity of one: a price, or credits at their value or at that of the plan that grants them."""
    if "unit_price_usd" in rule:
        return Decimal(rule["unit_price_usd"])
    if "plan_price" in rule:
        return Decimal(rule["credits"]) * Decimal(rule["plan_price"]) / Decimal(rule["plan_credits"])
    return Decimal(rule["credits"]) * Decimal(rule["credit_value_usd"])
