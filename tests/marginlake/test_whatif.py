"""What-if on whole lakes: nothing assumed is the lake itself; what is assumed is what a lake like that would hold."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings

from analytics import whatif as whatif_module
from analytics.period import Period
from analytics.whatif import what_if
from analytics.whatif_calls import Scenario
from lake.connect import Lake
from marginlake.assumptions import assumed
from marginlake.config import Config
from marginlake.revenue_store import adopt_rules
from marginlake.rules import rules_from
from receiver.journal.record import Record
from tests.examples import examples
from tests.marginlake.books import earlier, later, put_books, rules_under
from tests.marginlake.captured_lakes import captured_lake
from tests.marginlake.conftest import Answer
from tests.marginlake.lakes import as_toml, fill, rules, tables_of, traces
from tests.marginlake.traffic import traffic
from tests.new_lakes import empty_lake
from tests.receiver.otlp_payloads import START_NS, payload, span

Cli = Callable[..., Answer]
KEYS = ("day", "customer_id", "product_id", "event")
DAILY = """
SELECT day, customer_id, product_id, event_name AS event, signals AS events,
       coalesce(revenue_usd, 0)::DECIMAL(38,12) AS revenue_usd,
       linked_cost_usd + unclaimed_cost_usd AS cost_usd, margin_usd
FROM margin_daily
"""


def outcome(lake: Lake, scenario: Scenario | None = None, **said: object) -> pl.DataFrame:
    """The rows by all keys that have money."""
    told = assumed(lake, lake.data_dir, Config(), scenario or Scenario(), said.get("catalog"), said.get("revenue"))  # type: ignore[arg-type]
    with lake.reading() as tx:
        return what_if(tx, told, KEYS).rows


def assert_is_the_lake(lake: Lake, rows: pl.DataFrame, prefix: str = "") -> None:
    """Revenue, cost and margin of each day, customer, product and event as the view has them, to the picodollar."""
    names = {f"{prefix}{name}": name for name in ("revenue_usd", "cost_usd", "margin_usd")}
    ours = rows.select(*KEYS, "events", *names).rename(names)
    view = lake.read(DAILY).select(ours.columns).cast(ours.schema)
    assert ours.sort(KEYS, nulls_last=True).equals(view.sort(KEYS, nulls_last=True), null_equal=True)


def test_nothing_assumed_is_the_lake_itself(lake_dir: Path) -> None:
    with Lake.open(lake_dir, read_only=True) as lake:
        rows = outcome(lake)
        assert rows.height > 10
        assert_is_the_lake(lake, rows)
        assert_is_the_lake(lake, rows, "whatif_")
        assert rows["difference_known_usd"].sum() == 0


@settings(
    max_examples=examples(3),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(records=traffic())
def test_nothing_assumed_is_the_lake_itself_whatever_came(
    tmp_path_factory: pytest.TempPathFactory, records: list[Record]
) -> None:
    data = tmp_path_factory.mktemp("random")
    empty_lake(data)
    with Lake.open(data, threads=1) as lake:
        adopt_rules(lake, rules().events)
        fill(lake, [records])
        # the same model again and all tokens once are nothing
        rows = outcome(lake, Scenario(models=(("gpt-4o-mini", "openai/gpt-4o-mini"),), tokens=(("*", Decimal(1)),)))
        assert_is_the_lake(lake, rows)
        assert_is_the_lake(lake, rows, "whatif_")
        assert_is_the_lake(lake, outcome(lake, revenue=toml(data, as_toml())), "whatif_")


def toml(folder: Path, text: str) -> Path:
    file = folder / "plans.toml"
    file.write_text(text)
    return file


def test_windows_of_time_change_nothing(lake_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Lake.open(lake_dir, read_only=True) as lake:
        scenario = Scenario(models=(("openai/*", "anthropic/claude-haiku-4-5"),), cache_hit=(("*", Decimal("0.5")),))
        at_once = outcome(lake, scenario)
        monkeypatch.setattr(whatif_module, "CHUNK", 40)
        assert outcome(lake, scenario).equals(at_once, null_equal=True)


def test_another_catalog_is_what_a_reprice_would_make(cli: Cli, tmp_path: Path) -> None:
    put_books(tmp_path)
    (tmp_path / "marginlake.toml").write_text(as_toml())
    captured_lake(tmp_path, earlier())
    with Lake.open(tmp_path) as lake:
        adopt_rules(lake, rules_under(earlier()).events)
        told = outcome(lake, catalog=later())
        assert_is_the_lake(lake, told)
    assert cli("reprice", "--catalog", later(), "--data", tmp_path).code == 0
    with Lake.open(tmp_path) as lake:
        assert_is_the_lake(lake, told, "whatif_")


PLANS = """
[[revenue]]
name = "tiers"
event = "chat_message"
tiers = [{ up_to = 2, unit_price = "0.3" }, { unit_price = "0.1" }]
[[revenue]]
name = "seat"
event = "email_sent"
unit_price_usd = "0.01"
recurring_fee = "29"
spread = "events"
[[revenue]]
name = "at cost"
cost_multiplier = "1.3"
"""


def test_other_plans_are_what_a_lake_with_these_rules_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiers, fees and cost-plus among them, also when the events come in small windows."""
    captured_lake(tmp_path)
    file = toml(tmp_path, PLANS)
    with Lake.open(tmp_path) as lake:
        adopt_rules(lake, rules().events)
        told = outcome(lake, revenue=file)
        monkeypatch.setattr(whatif_module, "CHUNK", 25)
        assert outcome(lake, revenue=file).equals(told, null_equal=True)
        assert_is_the_lake(lake, told)
        plans = rules_from(Config(revenue=_entries(PLANS)), None)
        adopt_rules(lake, plans.events)
        assert_is_the_lake(lake, told, "whatif_")


def _entries(text: str) -> tuple[dict[str, object], ...]:
    import tomllib

    return tuple(tomllib.loads(text, parse_float=Decimal)["revenue"])


def test_part_of_a_billing_period_earns_what_it_does_in_the_whole(tmp_path: Path) -> None:
    """The third chat message of a month is at the price of its stretch, also when only its day is asked for."""
    sent = [_told("acme", number, START_NS + number * 86_400 * 10**9) for number in range(1, 4)]
    fill(tmp_path, [sent])
    with Lake.open(tmp_path) as lake:
        adopt_rules(lake, rules().events)
        told = assumed(lake, tmp_path, Config(), Scenario(), None, toml(tmp_path, PLANS))
        days = lake.read("SELECT occurred_at FROM signals ORDER BY 1")["occurred_at"].to_list()
        assert days[0].month == days[-1].month
        with lake.reading() as tx:
            last = what_if(tx, told, ("customer_id",), Period(days[-1])).rows
    assert last["whatif_revenue_usd"].to_list() == [Decimal("0.1")]


def _told(customer: str, number: int, start: int, model: str = "gpt-4o-mini", tokens: int = 1000) -> Record:
    """A call, and the message that bears it."""
    said: dict[str, object] = {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic" if "claude" in model else "openai",
        "gen_ai.request.model": model, "gen_ai.response.model": model, "gen_ai.usage.input_tokens": tokens,
        "gen_ai.usage.output_tokens": 10, "customer.id": customer,
    }  # fmt: skip
    event: dict[str, object] = {"marginlake.signal.event_name": "chat_message", "customer.id": customer}
    trace_id = bytes([number] * 16)
    return traces(
        payload(
            span(said, trace_id=trace_id, span_id=bytes([number] * 8), start_ns=start, end_ns=start + 10**9),
            span(
                event | {"marginlake.signal.cost_traced": True},
                trace_id=trace_id, span_id=bytes([number + 100] * 8), start_ns=start + 10**9, end_ns=start + 10**9,
            ),
        )
    )  # fmt: skip


def test_there_and_back(tmp_path: Path) -> None:
    """Calls of one model, assumed to be of another, cost what those cost; and the other way round."""
    lakes = {}
    for model in ("gpt-4o-mini", "claude-haiku-4-5"):
        sent = [_told("acme", number, START_NS + number * 10**9, model) for number in range(1, 6)]
        lakes[model] = tmp_path / model
        fill(lakes[model], [sent])
    with Lake.open(lakes["gpt-4o-mini"]) as cheap, Lake.open(lakes["claude-haiku-4-5"]) as dear:
        there = outcome(cheap, Scenario(models=(("openai/gpt-4o-mini", "anthropic/claude-haiku-4-5"),)))
        back = outcome(dear, Scenario(models=(("claude-haiku-4-5", "openai/gpt-4o-mini"),)))
        assert there["whatif_cost_usd"].to_list() == outcome(dear)["cost_usd"].to_list()
        assert back["whatif_cost_usd"].to_list() == outcome(cheap)["cost_usd"].to_list()
        assert there["cost_difference_usd"].to_list() == [-cost for cost in back["cost_difference_usd"]]


def shared_call() -> Record:
    """A call for the product `bot`, and two events of other products that bear it together."""
    said: dict[str, object] = {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.response.model": "gpt-4o-mini", "gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": 0,
        "product.id": "bot",
    }  # fmt: skip
    trace_id, spans = bytes([9] * 16), []
    spans.append(span(said, trace_id=trace_id, span_id=bytes([1] * 8), start_ns=START_NS, end_ns=START_NS + 10**9))
    for number, name in ((2, "chat_message"), (3, "email_sent")):
        event: dict[str, object] = {"marginlake.signal.event_name": name, "customer.id": "paid"}
        spans.append(
            span(
                event | {"marginlake.signal.cost_traced": True, "product.id": f"of {name}"},
                trace_id=trace_id, span_id=bytes([number] * 8), start_ns=START_NS + 10**9, end_ns=START_NS + 10**9,
            )
        )  # fmt: skip
    return traces(payload(*spans))


def test_a_call_that_events_share_is_split_and_counted_once(tmp_path: Path) -> None:
    """Its cost is that of the product which the call served, each share on its event, before and after."""
    fill(tmp_path, [[shared_call()]])
    with Lake.open(tmp_path) as lake:
        adopt_rules(lake, rules().events)
        assert lake.read("SELECT count(*) FROM cost_links WHERE rule = 'trace_split'").item() == 2
        assert_is_the_lake(lake, outcome(lake))
        assert_is_the_lake(lake, outcome(lake), "whatif_")
        rows = outcome(lake, Scenario(tokens=(("*", Decimal(2)),)))
    borne = rows.filter(pl.col("cost_usd") > 0)
    assert borne["product_id"].to_list() == ["bot", "bot"]
    assert borne["calls"].sum() == 1
    assert borne["cost_usd"].to_list() == [Decimal("0.000000525")] * 2
    assert borne["whatif_cost_usd"].to_list() == [Decimal("0.00000105")] * 2


def test_a_model_without_a_price_leaves_the_margin_unknown(tmp_path: Path) -> None:
    fill(tmp_path, [[_told("acme", 1, START_NS), _told("acme", 2, START_NS, "gpt-4o")]])
    with Lake.open(tmp_path) as lake:
        adopt_rules(lake, rules().events)
        row = outcome(lake, Scenario(models=(("gpt-4o", "nobody/knows-it"),))).row(0, named=True)
    assert row["margin_usd"] is not None
    assert (row["whatif_unpriced_calls"], row["whatif_margin_usd"], row["difference_usd"]) == (1, None, None)
    # what is known: the other call, by which nothing differs
    assert row["whatif_cost_usd"] == Decimal("0.000156")
    assert row["difference_known_usd"] == 0


def test_the_cache_of_a_model_that_has_a_price_for_it_and_of_one_that_has_none(tmp_path: Path) -> None:
    """gpt-4o-mini: 1000 tokens at 0.15, or 600 of them at 0.075 a million; gpt-4 reads no cache: they stay dear."""
    fill(tmp_path, [[_told("acme", 1, START_NS), _told("other", 2, START_NS, "gpt-4")]])
    with Lake.open(tmp_path) as lake:
        rows = outcome(lake, Scenario(cache_hit=(("*", Decimal("0.6")),)))
    saved = dict(zip(rows["customer_id"], rows["cost_difference_usd"], strict=True))
    assert saved == {"acme": Decimal("-0.000045"), "other": Decimal(0)}


def test_the_command_shows_both_and_writes_nothing(cli: Cli, lake_dir: Path, tmp_path: Path) -> None:
    before = tables_of(lake_dir)
    out = tmp_path / "answer.parquet"
    said = ("--model", "openai/*=anthropic/claude-haiku-4-5", "--by", "customer,model", "--out", out)
    answer = cli("whatif", "--data", lake_dir, *said, "--format", "json")
    assert (answer.code, answer.err) == (0, "")
    rows = json.loads(answer.out)
    assert {"customer_id", "model", "cost_usd", "whatif_cost_usd"} <= set(rows[0])
    assert pl.read_parquet(out).height == len(rows)
    told = cli("whatif", "--data", lake_dir, "--customer", "nobody").out
    assert told.startswith("actual: revenue 0.000000000000, cost 0.000000000000, margin 0.000000000000 USD\n")
    assert all(frame.equals(tables_of(lake_dir)[name], null_equal=True) for name, frame in before.items())


@pytest.mark.parametrize(
    ("said", "complaint", "code"),
    [
        (("--model", "gpt-4o"), "--model gpt-4o: write FROM=VALUE", 2),
        (("--tokens", "gpt-4o=many"), "--tokens: 'many' is no number", 2),
        (("--cache-hit", "1.5"), "cache hit *=1.5: not a share from 0 to 1", 2),
        (("--by", "colour"), "--by colour: choose among customer", 2),
        (("--out", "x.xlsx"), "--out x.xlsx: the name must end in", 2),
        (("--from", "2026-02-01", "--to", "2026-01-01"), "--from must be before --to", 2),
        (("--catalog", "zzz"), "no catalog with an id that starts with 'zzz'", 1),
        (("--revenue", "nothing.toml"), "nothing.toml: No such file", 1),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    cli: Cli, lake_dir: Path, said: tuple[str, ...], complaint: str, code: int
) -> None:
    answer = cli("whatif", "--data", lake_dir, *said)
    assert answer.code == code
    assert answer.complaint.startswith(complaint)


def test_a_rule_file_that_is_wrong_is_named(cli: Cli, lake_dir: Path, tmp_path: Path) -> None:
    file = toml(tmp_path, '[[revenue]]\nprice = "1"\n')
    assert cli("whatif", "--data", lake_dir, "--revenue", file).complaint.startswith(f"{file}: revenue entry 1: price")


def test_a_pattern_that_fits_no_call_is_told(cli: Cli, lake_dir: Path) -> None:
    answer = cli("whatif", "--data", lake_dir, "--model", "gpt-9=gpt-4o")
    assert answer.code == 0
    assert answer.complaint == "no call of the period is of the model gpt-9"
