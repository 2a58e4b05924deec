"""Does the lake say what was sent? The truth of a plan against SQL on the data directory; exact, or the demo fails."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from lake.read import query
from marginlake.demo.dialects import KEY, PROMPT
from marginlake.demo.truth import Truth

_TOTALS = f"""
SELECT (SELECT count(*) FROM spans) AS spans,
       (SELECT count(*) FROM signals) AS signals,
       (SELECT count(*) FROM signals WHERE source = 'otlp') AS otlp_signals,
       (SELECT count(*) FROM event_margins) AS margins,
       (SELECT count(*) FROM costs WHERE status = 'aggregate') AS aggregates,
       (SELECT count(*) FROM unclaimed_costs) AS unclaimed_calls,
       (SELECT count(*) FROM rejected) AS rejected,
       (SELECT count(*) FROM spans WHERE attributes LIKE '%{PROMPT[:24]}%' OR attributes LIKE '%{KEY}%') AS leaks,
       count(*) AS calls,
       count(*) FILTER (WHERE status = 'priced') AS priced,
       count(*) FILTER (WHERE status = 'unpriced') AS unpriced,
       count(*) FILTER (WHERE status = 'zero_rated') AS zero_rated,
       coalesce(sum(input_tokens), 0)::BIGINT AS input_tokens,
       coalesce(sum(cache_read_tokens), 0)::BIGINT AS cache_read_tokens,
       coalesce(sum(cache_write_5m_tokens), 0)::BIGINT AS cache_write_5m_tokens,
       coalesce(sum(cache_write_1h_tokens), 0)::BIGINT AS cache_write_1h_tokens,
       coalesce(sum(output_tokens), 0)::BIGINT AS output_tokens,
       coalesce(sum(reasoning_tokens), 0)::BIGINT AS reasoning_tokens,
       count(*) FILTER (WHERE coalesce(audio_input_tokens, audio_output_tokens, image_input_tokens,
                                       image_output_tokens, 0) > 0) AS media_calls
FROM billable_costs
"""
_ARRIVED = "SELECT (SELECT count(*) FROM spans) AS spans, (SELECT count(*) FROM event_margins) AS margins"
_CUSTOMERS = "SELECT customer_id, count(*) AS calls FROM billable_costs GROUP BY customer_id"
_EVENTS = """
SELECT event_name, count(*) AS signals, coalesce(sum(model_calls), 0)::BIGINT AS calls, sum(revenue_usd) AS revenue
FROM event_margins GROUP BY event_name
"""
_CONSERVATION = """
SELECT (SELECT coalesce(sum(cost_usd), 0) FROM cost_links) AS linked,
       (SELECT coalesce(sum(cost_usd), 0) FROM unclaimed_costs) AS unclaimed,
       (SELECT coalesce(sum(cost_usd), 0) FROM billable_costs) AS total
"""


@dataclass(frozen=True, slots=True)
class Conservation:
    """Every dollar once: what events bear plus what nothing claims is all there is (US dollars, exact)."""

    linked: Decimal
    unclaimed: Decimal
    total: Decimal

    @property
    def holds(self) -> bool:
        """Whether it adds up to the last picodollar."""
        return self.linked + self.unclaimed == self.total


def conservation(data_dir: Path) -> Conservation:
    """The sums of the lake as it is now."""
    row = query(data_dir, _CONSERVATION).row(0, named=True)
    return Conservation(row["linked"], row["unclaimed"], row["total"])


def arrived(truth: Truth, data_dir: Path) -> bool:
    """Whether as many spans and events are visible as were sent: a cheap look before `differences`."""
    row = query(data_dir, _ARRIVED).row(0, named=True)
    return bool(row["spans"] >= truth.spans and row["margins"] >= truth.signals)


def differences(truth: Truth, data_dir: Path) -> list[str]:
    """What the lake says otherwise than what was sent, one line each; empty when all of it agrees."""
    found = [
        f"{name}: sent {sent}, the lake says {said}"
        for name, sent, said in _compare(truth, data_dir)
        if sent != said
    ]  # fmt: skip
    money = conservation(data_dir)
    if not money.holds:
        found.append(f"conservation: {money.linked} linked + {money.unclaimed} unclaimed is not {money.total}")
    return found


def _compare(truth: Truth, data_dir: Path) -> list[tuple[str, object, object]]:
    """Pairs of what was sent and what the lake says, by name."""
    totals = query(data_dir, _TOTALS).row(0, named=True)
    expected: dict[str, int] = {
        "spans": truth.spans,
        "signals": truth.signals,
        "otlp_signals": truth.otlp_signals,
        "margins": truth.signals,
        "calls": truth.calls,
        "priced": truth.priced,
        "unpriced": truth.unpriced,
        "zero_rated": truth.zero_rated,
        "aggregates": truth.aggregates,
        "unclaimed_calls": truth.unclaimed_calls,
        "rejected": 0,
        "leaks": 0,
        "input_tokens": truth.tokens.input,
        "cache_read_tokens": truth.tokens.cache_read,
        "cache_write_5m_tokens": truth.tokens.cache_write_5m,
        "cache_write_1h_tokens": truth.tokens.cache_write_1h,
        "output_tokens": truth.tokens.output,
        "reasoning_tokens": truth.tokens.reasoning,
        "media_calls": 0,
    }
    pairs: list[tuple[str, object, object]] = [(name, sent, totals[name]) for name, sent in expected.items()]
    customers = dict(query(data_dir, _CUSTOMERS).iter_rows())
    pairs += [
        (f"calls of {customer}", truth.calls_by_customer.get(customer, 0), customers.get(customer, 0))
        for customer in truth.calls_by_customer.keys() | customers.keys()
    ]
    events = {row["event_name"]: row for row in query(data_dir, _EVENTS).iter_rows(named=True)}
    for event in truth.signals_by_event.keys() | events.keys():
        row = events.get(event, {"signals": 0, "calls": 0, "revenue": None})
        pairs += [
            (f"{event} signals", truth.signals_by_event.get(event, 0), row["signals"]),
            (f"{event} calls borne", truth.calls_of_event.get(event, 0), row["calls"]),
            (f"{event} revenue", truth.revenue_by_event.get(event), row["revenue"]),
        ]
    return pairs
