"""Costs that signals state in their data: counted once, for the event that states them, whatever way they come."""

import json
import random
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.recompute import Changes
from analytics.relink import relink
from analytics.reprice import reprice
from analytics.signal_costs_again import count_stated_costs
from lake.connect import Lake
from marginlake.config import Config
from marginlake.new_prices import new_prices
from marginlake.rules import Rules, rules_from
from receiver.journal.record import Record
from tests.examples import examples
from tests.marginlake.lakes import (
    Tables,
    broken,
    differences,
    in_batches,
    land_batches,
    land_into,
    rest,
    tables,
    traces,
)
from tests.new_lakes import empty_lake
from tests.receiver.otlp_payloads import START_NS, payload, span

CLAUDE = {
    "gen_ai.response.model": "claude-sonnet-4-5",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.cached_input_tokens": 200,
    "gen_ai.usage.cache_creation_input_tokens": 100,
    "gen_ai.usage.output_tokens": 300,
}
GPT = {
    "gen_ai.response.model": "gpt-4o",
    "gen_ai.usage.input_tokens": 1200,
    "gen_ai.usage.cached_input_tokens": 200,
    "gen_ai.usage.output_tokens": 300,
}
CALL = {
    "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100,
}  # fmt: skip
CALL_USD = Decimal("0.00021")
TRACE = b"\1" * 16


@cache
def rules(fx: str | None = None, trust: str = "fallback") -> Rules:
    rates = [{"currency": "EUR", "usd": fx}] if fx else []
    return rules_from(Config.model_validate({"pricing": {"fx": rates, "trust_reported": trust}}), None)


def figure(amount: object, currency: str = "USD", **more: Any) -> dict[str, Any]:
    return {"vendor": "search", "cost": {"amount": amount, "currency": currency}} | more


def posted(cost_data: object, key: str = "one", **more: Any) -> Record:
    """A signal by REST that states a cost."""
    signal = {
        "eventName": "chat_message", "customer": {"externalCustomerId": "acme"}, "idempotencyKey": key,
        "attribution": {"externalProductId": "bot"}, "timestamp": "2026-11-23T21:00:00Z",
        "data": {"costData": cost_data},
    }  # fmt: skip
    return rest(json.dumps({"signals": [signal | more]}).encode())


def sent(cost_data: object, number: int = 1, *, end: int = 0, traced: bool = False, **identity: str) -> Record:
    """A signal as the Paid SDK for Node sends it: a span."""
    said = {"event_name": "chat_message", "data": json.dumps({"costData": cost_data}), "enable_cost_tracing": traced}
    return traces(payload(_span(number, said | identity, "paid.trace.signal", end=end)))


def call(number: int, **identity: str) -> Record:
    return traces(payload(_span(number, CALL | identity, "chat")))


def _span(number: int, said: dict[str, Any], name: str, *, end: int = 0, parent: int = 0) -> Any:
    return span(
        said, trace_id=TRACE, span_id=bytes([number]) * 8, parent_span_id=bytes([parent]) * 8 if parent else b"",
        name=name, start_ns=START_NS, end_ns=START_NS + end,
    )  # fmt: skip


ACME = {"external_customer_id": "acme", "external_agent_id": "bot"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    empty_lake(tmp_path / "lake")
    return tmp_path / "lake"


def landed(folder: Path, *records: Record, using: Rules | None = None) -> Tables:
    """The tables after these records, a commit each."""
    found = land_batches(folder, [[record] for record in records], using or rules())
    assert broken(folder) == {}
    return found


def only(rows: pl.DataFrame) -> dict[str, Any]:
    assert rows.height == 1, rows
    return rows.row(0, named=True)


def money(rows: pl.DataFrame) -> Decimal:
    return sum(rows["cost_usd"].drop_nulls().to_list(), Decimal(0))


def test_a_figure_is_the_cost_of_its_event_and_of_its_customer(folder: Path) -> None:
    found = landed(folder, posted(figure(0.25, start_time="2026-11-22T08:00:00Z")))

    cost, event = only(found["costs"]), only(found["event_margins"])
    assert (cost["source"], cost["status"], cost["provider"], cost["cost_usd"]) == (
        "signal", "reported", "search", Decimal("0.25"),
    )  # fmt: skip
    assert (cost["customer_id"], cost["product_id"], cost["own_customer_id"]) == ("acme", "bot", "acme")
    assert cost["occurred_at"].isoformat() == "2026-11-22T08:00:00+00:00"
    assert (event["cost_usd"], event["cost_status"], event["model_calls"]) == (Decimal("0.25"), "complete", 1)
    link = only(found["cost_links"])
    assert (link["signal_id"], link["rule"], link["cost_usd"]) == (event["signal_id"], "stated", Decimal("0.25"))


PRICED = (
    # vendor, usage, all input tokens, dollars
    ("openai", GPT, 1200, "0.00575"),  # 1000 at 2.5, 200 at 1.25, 300 at 10 dollars a million
    ("anthropic", CLAUDE, 1300, "0.007935"),  # 1000 at 3, 200 at 0.3, 100 at 3.75, 300 at 15
    ("bedrock", CLAUDE | {"gen_ai.response.model": "anthropic.claude-sonnet-4-5-20250929-v1:0"}, 1300, "0.0087285"),
    ("gemini", GPT | {"gen_ai.response.model": "gemini-2.5-flash"}, 1200, "0.001056"),  # 0.3, 0.03 and 2.5
)


def test_usage_is_priced_as_the_wrappers_of_its_vendor_mean_it(folder: Path) -> None:
    """OpenAI and Gemini count cached tokens among the input, Anthropic and Bedrock beside it."""
    records = [posted({"vendor": vendor, "attributes": usage}, vendor) for vendor, usage, *_ in PRICED]
    costs = _by_key(landed(folder, *records))
    for vendor, _, tokens, usd in PRICED:
        cost = costs[vendor]
        assert (cost["status"], cost["input_tokens"], cost["cache_read_tokens"]) == ("priced", tokens, 200), vendor
        assert cost["cost_usd"] == Decimal(usd), vendor


def _by_key(found: Tables) -> dict[str, dict[str, Any]]:
    """The cost that the event of each key states, with what its margin says."""
    events = (
        found["signals"]
        .select("idempotency_key", "signal_id", "data")
        .join(
            found["event_margins"].select("signal_id", "cost_status", pl.col("cost_usd").alias("event_usd")),
            on="signal_id",
        )
    )
    costs = found["cost_links"].select("signal_id", "cost_id").join(found["costs"], on="cost_id")
    return {row["idempotency_key"]: row for row in events.join(costs, on="signal_id").iter_rows(named=True)}


def test_beside_a_figure_counts_are_kept_and_not_priced(folder: Path) -> None:
    found = landed(folder, posted({"vendor": "openai", "attributes": GPT} | figure("0.5", vendor="openai")))
    cost = only(found["costs"])
    assert (cost["status"], cost["cost_usd"], cost["input_tokens"]) == ("reported", Decimal("0.5"), None)
    assert json.loads(only(found["spans"])["attributes"])["stated.gen_ai.usage.input_tokens"] == "1200"


def test_an_amount_in_another_currency_is_worth_what_it_was_then(folder: Path) -> None:
    cost = only(landed(folder, posted(figure("0.0000000000100", "EUR")), using=rules("1.25"))["costs"])
    assert cost["cost_usd"] == Decimal("0.000000000012")  # 12.5 picodollars, half to even


UNPRICED = {
    "costData: no exchange rate of JPY for 2026-11-23": figure(1, "JPY"),
    "costData: cost.amount is no number": figure("much"),
    "costData: cost.amount is too small or too large": figure("1e-13"),
    "costData: it is no object": [1],
    "costData: neither cost nor token counts in attributes": {"vendor": "openai"},
    "costData: gen_ai.usage.cached_input_tokens is no count": {
        "vendor": "openai", "attributes": GPT | {"gen_ai.usage.cached_input_tokens": -1},
    },
    "unknown model: house-model-9": {
        "vendor": "openai", "attributes": GPT | {"gen_ai.response.model": "house-model-9"},
    },
}  # fmt: skip


def test_what_cannot_be_counted_loses_no_event_and_says_why(folder: Path) -> None:
    found = landed(folder, *(posted(cost_data, why) for why, cost_data in UNPRICED.items()))
    assert found["signals"].height == len(UNPRICED)
    costs = _by_key(found)
    for why, cost_data in UNPRICED.items():
        cost = costs[why]
        assert (cost["status"], cost["cost_usd"], cost["rate_note"]) == ("unpriced", None, why)
        assert (cost["event_usd"], cost["cost_status"]) == (None, "unpriced")
        assert json.loads(cost["data"]) == {"costData": cost_data}


def test_figures_count_for_nothing_where_the_operator_trusts_none(folder: Path) -> None:
    using = rules(trust="never")
    found = landed(folder, posted(figure(1)), posted({"vendor": "openai", "attributes": GPT}, "two"), using=using)
    assert sorted(found["costs"].select("status", "cost_usd").rows(), key=str) == [
        ("priced", Decimal("0.00575")),
        ("unpriced", None),
    ]


def test_a_null_and_data_that_is_no_json_state_nothing(folder: Path) -> None:
    text = traces(payload(_span(1, {"event_name": "e", "data": 'broken {"costData"'}, "paid.trace.signal")))
    found = landed(folder, posted(None), text)
    assert (found["signals"].height, found["costs"].height) == (2, 0)
    assert set(found["event_margins"]["cost_status"]) == {"untraced"}


def test_an_event_bears_what_it_states_beside_what_its_trace_costs(folder: Path) -> None:
    found = landed(
        folder, call(1, **ACME), sent(figure("0.5"), 2, traced=True, **ACME), sent(figure("0.25"), 3, **ACME)
    )

    borne = dict(found["event_margins"].select("cost_usd", "model_calls").rows())
    assert borne == {CALL_USD + Decimal("0.5"): 2, Decimal("0.25"): 1}
    assert money(found["costs"]) == CALL_USD + Decimal("0.75")


def test_neither_scope_nor_trace_gives_a_stated_cost_to_another_event(folder: Path) -> None:
    """Two events of one customer, product and time, one of which states a cost; a span of its trace id comes later."""
    found = landed(folder, posted(figure(1)), posted(None, "two", data={"paid": {"enable_cost_tracing": True}}))
    trace_id = only(found["costs"])["trace_id"]
    claimed = traces(
        payload(
            span(
                {"event_name": "e", "enable_cost_tracing": True} | ACME,
                trace_id=bytes.fromhex(trace_id), span_id=b"\7" * 8, name="paid.trace.signal", start_ns=START_NS,
            )
        )
    )  # fmt: skip
    found = landed(folder, claimed)
    link = only(found["cost_links"])
    assert (link["signal_id"], link["rule"]) == (f"sig_{trace_id}", "stated")


def test_a_stated_cost_serves_whom_its_event_serves_also_when_that_is_learnt_late(folder: Path) -> None:
    said = {"event_name": "chat_message", "data": json.dumps({"costData": figure(1)})}
    signal = traces(payload(_span(2, said, "paid.trace.signal", parent=1)))
    first = landed(folder, signal)
    assert only(first["costs"])["customer_id"] is None

    block = traces(payload(_span(1, ACME, "paid.trace.parent_span")))
    cost = only(landed(folder, block)["costs"])

    assert (cost["customer_id"], cost["product_id"], cost["cost_usd"]) == ("acme", "bot", Decimal(1))


def test_of_two_versions_of_a_signal_span_the_winner_s_cost_counts(folder: Path) -> None:
    early, late = sent(figure(1), end=5, **ACME), sent(figure(2), end=9, **ACME)
    assert money(landed(folder, early)["costs"]) == Decimal(1)
    found = landed(folder, late, early)
    assert (money(found["costs"]), money(found["cost_links"])) == (Decimal(2), Decimal(2))
    silent = traces(payload(_span(1, {"event_name": "e"} | ACME, "paid.trace.signal", end=20)))
    gone = landed(folder, silent)
    assert (gone["costs"].height, gone["cost_links"].height, gone["spans"].height) == (0, 0, 1)


def test_with_one_key_the_earlier_event_s_cost_counts(folder: Path) -> None:
    later, earlier = posted(figure(1)), posted(figure(2), timestamp="2026-11-23T20:00:00Z")
    for records in ((later, earlier, later), (earlier, later)):
        found = landed(folder, *records)
        assert (money(found["costs"]), found["signals"].height) == (Decimal(2), 1)


def test_a_span_of_that_scope_from_outside_is_nobody_s_stated_cost(folder: Path) -> None:
    said = {"marginlake.cost.amount_usd": "5"} | ACME
    found = landed(folder, traces(payload(_span(1, said, "cost"), scope="marginlake.signal_costs")))
    assert found["costs"].height == 0
    found = landed(folder, traces(payload(_span(2, CALL | ACME, "chat"), scope="marginlake.signal_costs")))
    assert only(found["costs"])["source"] == "span"


amounts = st.decimals("0.000000000001", "999", places=12)
events = st.lists(st.tuples(amounts, st.booleans(), st.booleans()), min_size=5, max_size=15)


@settings(max_examples=examples(5), deadline=None, suppress_health_check=list(HealthCheck))
@given(events=events, seed=st.integers(0, 2**32))
def test_the_whole_is_the_sum_of_what_was_stated_once_each_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[Decimal, bool, bool]], seed: int
) -> None:
    """Signals by REST and as spans, sent again and again, some with an earlier version, in any order and batches."""
    folder, chance = tmp_path_factory.mktemp("sum") / "lake", random.Random(seed)
    empty_lake(folder)
    records: list[Record] = []
    for number, (amount, by_rest, twice) in enumerate(events, 1):
        mine = (
            [posted(figure(str(amount)), f"key-{number}")]
            if by_rest
            else [sent(figure(str(amount)), number, end=9, **ACME)]
        )
        if twice:
            mine.append(mine[0] if by_rest else sent(figure("7"), number, end=5, **ACME))
        records += mine * chance.randint(1, 2)
    chance.shuffle(records)

    found = land_batches(folder, in_batches(records, 4, chance), rules())

    stated = sum((amount for amount, *_ in events), Decimal(0))
    assert broken(folder) == {}
    assert money(found["costs"]) == money(found["cost_links"]) == money(found["event_margins"]) == stated
    assert found["costs"].height == len(events)


def _story() -> Sequence[Record]:
    return (
        posted(figure("0.1")),
        posted({"vendor": "openai", "attributes": GPT}, "two"),
        posted(figure(2, "EUR"), "three"),
        sent({"vendor": "anthropic", "attributes": CLAUDE}, 1, traced=True, **ACME),
        call(2, **ACME),
        sent({"vendor": "x"}, 3, **ACME),
    )


def test_relink_and_reprice_leave_stated_costs_as_they_are(folder: Path) -> None:
    expected = landed(folder, *_story())
    with Lake.open(folder, threads=1) as lake:
        using = rules()
        assert relink(lake, using.events, using.price_again) == Changes()
        repriced = reprice(lake, using.events, using.price_again, new_prices(Config(), using))
        assert repriced.changes == Changes()
        with lake.transaction() as tx:
            tx.delete("cost_links", tx.read("SELECT cost_id, signal_id FROM cost_links"))
            tx.delete("event_margins", tx.read("SELECT signal_id FROM event_margins"))
        relink(lake, using.events, using.price_again)
        assert differences(tables(lake), expected) == []


def lose_stated(lake: Lake) -> None:
    """Make it a lake of a version that kept such costs and did not count them."""
    with lake.transaction() as tx:
        stated = tx.read("SELECT cost_id, trace_id, span_id FROM costs WHERE source = 'signal'")
        tx.delete("costs", stated.select("cost_id"))
        tx.delete("spans", stated.select("trace_id", "span_id"))
        tx.delete("cost_links", tx.semi("cost_links", ["cost_id", "signal_id"], stated.select("cost_id"), "cost_id"))
    relink(lake, rules().events, rules().price_again)


def test_what_landed_before_such_costs_were_counted_is_counted_afterwards(folder: Path) -> None:
    expected = landed(folder, *_story())
    with Lake.open(folder, threads=1) as lake:
        lose_stated(lake)
        assert money(tables(lake)["costs"]) == CALL_USD
        using = rules()
        dry = count_stated_costs(lake, using.events, using.price_again, dry_run=True)
        assert money(tables(lake)["costs"]) == CALL_USD
        told: list[tuple[int, int]] = []
        made = count_stated_costs(
            lake, using.events, using.price_again, progress=lambda done, total: told.append((done, total))
        )
        assert (made.costs, dry) == (5, made)
        assert told[-1] == (5, 5)
        assert differences(tables(lake), expected) == []
        assert count_stated_costs(lake, using.events, using.price_again) == Changes()
        assert land_into(lake, [list(_story())], using, source="again").keys() == expected.keys()
        assert differences(tables(lake), expected) == []


def test_a_figure_without_a_rate_is_counted_once_there_is_one_and_others_stay_as_they_were(folder: Path) -> None:
    landed(folder, posted(figure(1, "EUR"), "early"), using=rules("1.5"))
    landed(folder, *_story())
    with Lake.open(folder, threads=1) as lake:
        using = rules("1.25")
        assert count_stated_costs(lake, using.events, using.price_again).costs == 1
        euros = lake.read("SELECT cost_usd, rate_note FROM costs WHERE cost_usd > 1 ORDER BY cost_usd")
        assert euros["cost_usd"].to_list() == [Decimal("1.5"), Decimal("2.5")]
        assert euros["rate_note"].str.starts_with("reported cost used").all()
        assert broken(lake) == {}
