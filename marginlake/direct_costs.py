"""Costs stated over REST: turned into dollars, held against the prices, and journaled as spans, all or none."""

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import polars as pl

from billing.api.errors import invalid
from billing.api.schemas.costs import CostIngestResponse, CostRecord, StatedCost
from lake.connect import Lake
from marginlake.old_signals import api_error
from marginlake.pipeline import Prepared, prepare
from marginlake.rules import Rules
from pricing_tables.fx import DOLLAR, in_dollars
from receiver.dialects import direct
from receiver.direct_costs import DirectCost, payload_of, trace_id_of
from receiver.errors import Refusal
from receiver.intake import Intake
from receiver.journal.record import Kind, Record
from receiver.signals.claims import Claims


class DirectCosts:
    """Takes stated costs in. May be used from any thread; one batch at a time, so that no key is taken twice."""

    def __init__(self, lake: Lake, intake: Intake, rules: Callable[[], Rules]) -> None:
        self._lake = lake
        self._intake = intake
        self._rules = rules
        self._turn = threading.Lock()
        self._claims = Claims(self._seen)

    def take(self, records: Sequence[CostRecord]) -> CostIngestResponse:
        """Journal what is new of these; returns once it is durable. Raises ApiError, and takes nothing then."""
        rules, now = self._rules(), datetime.now(UTC)
        trust = rules.price_again.trust_reported
        costs = [_direct(record, place, now, rules, trusted=trust != "never") for place, record in enumerate(records)]
        named = [(trace_id_of(cost.key), cost) for cost in costs]
        made = frozenset(trace_id for trace_id, cost in named if not cost.key)
        first = dict(reversed([(trace_id, (place, cost)) for place, (trace_id, cost) in enumerate(named)]))
        with self._turn:
            claim = self._claims.claim(first, made)
            try:
                fresh = sorted((first[name] + (name,) for name in claim.fresh), key=lambda each: each[0])
                self._journal(fresh, rules, now)
            except BaseException as error:
                self._claims.failed(claim, error)
                raise
            self._claims.stored(claim)
        return CostIngestResponse(ingested=len(fresh), duplicates=len(records) - len(fresh))

    def committed(self, prepared: Prepared) -> None:
        """The lake holds these now, and answers for them from here on."""
        stated = prepared.spans.filter(pl.col("scope_name") == direct.SCOPE)
        self._claims.committed(stated["trace_id"].to_list())

    def _journal(self, fresh: Sequence[tuple[int, DirectCost, str]], rules: Rules, now: datetime) -> None:
        if not fresh:
            return
        identity = rules.identity
        payload = payload_of(
            [(name, cost) for _, cost, name in fresh], identity.customer_keys[0], identity.product_keys[0]
        )
        _check_prices(fresh, prepare([Record(1, Kind.TRACES, int(now.timestamp() * 1e9), payload)], rules).calls)
        try:
            self._intake.accept_traces(payload)
        except Refusal as refusal:
            raise api_error(refusal) from None

    def _seen(self, names: list[str]) -> set[str]:
        wanted = pl.DataFrame({"trace_id": names}, schema={"trace_id": pl.String})
        with self._lake.looking_up() as tx:
            return set(tx.semi("spans", ["trace_id"], wanted, "trace_id")["trace_id"])


def _direct(record: CostRecord, place: int, now: datetime, rules: Rules, *, trusted: bool) -> DirectCost:
    figure = record if isinstance(record, StatedCost) else record.cost_override
    moment = record.timestamp or now
    amount = None
    if figure is not None:
        if not trusted:
            raise invalid(f"costs[{place}]: stated figures are not taken while pricing.trust_reported is never")
        amount = _dollars(figure.amount, figure.currency, moment, place, rules)
    counts = {}
    if not isinstance(record, StatedCost):
        usage = record.usage
        read, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
        said = {
            direct.INPUT: (usage.input_tokens or 0) + read + written,
            direct.CACHE_READ: usage.cache_read_input_tokens,
            direct.CACHE_WRITE: usage.cache_creation_input_tokens,
            direct.OUTPUT: usage.output_tokens or 0,
            direct.REASONING: usage.reasoning_output_tokens,
        }
        counts = {name: count for name, count in said.items() if count is not None}
    return DirectCost(
        key=record.idempotency_key or None,
        occurred_at=moment,
        customer=record.customer.known_as,
        product=record.product.known_as if record.product else None,
        vendor=record.vendor,
        model=record.model,
        amount_usd=amount,
        counts=counts,
        metadata=record.metadata or {},
    )


def _dollars(amount: Decimal, currency: str, moment: datetime, place: int, rules: Rules) -> Decimal:
    """US dollars, rounded once, half to even, to a picodollar. Raises the API's 400 without an exchange rate."""
    rate = Decimal(1)
    if currency != DOLLAR:
        moments = pl.Series([moment], dtype=pl.Datetime("us", "UTC"))
        found = rules.price_again.fx.at(pl.Series([currency], dtype=pl.String), moments)[0]
        if found is None:
            raise invalid(f"costs[{place}]: no exchange rate of {currency} for {moment:%Y-%m-%d}; see [[pricing.fx]]")
        rate = found
    dollars = in_dollars(amount, rate)
    if dollars is None:
        raise invalid(f"costs[{place}]: {amount} {currency} is too small or too large")
    return dollars


def _check_prices(fresh: Sequence[tuple[int, DirectCost, str]], calls: pl.DataFrame) -> None:
    """Raises the API's 400 that names the first record without a price: then nothing of the batch is taken."""
    unpriced = calls.filter(pl.col("cost_usd").is_null()).select("trace_id", "rate_note")
    reasons = dict(unpriced.iter_rows())
    for place, cost, name in fresh:
        if name in reasons:
            raise invalid(f"costs[{place}]: no price for {cost.vendor}/{cost.model}: {reasons[name]}")
