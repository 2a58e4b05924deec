"""Relinking plain traces in bulk gives what the exact stages give: on healthy lakes, on spoilt ones, on any traffic."""

import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics import plain_links, relink_plain
from analytics.event_rules import EventRules
from analytics.period import Period
from analytics.plain import others
from analytics.recompute import Changes
from analytics.relink import relink
from analytics.relink_plain import PlainTraces, applies
from benchmarks.event_lake import build
from benchmarks.event_lake import rules as plain_rules
from lake.connect import Lake
from marginlake.rules import Rules
from tests.analytics.stories import Story
from tests.examples import examples
from tests.marginlake.lakes import broken, differences, fill, land_into, rules, tables
from tests.marginlake.traffic import worlds
from tests.new_lakes import empty_lake

EVER = Period(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
"""A period, and so a relink by the stages alone."""

ONE = "(SELECT min(trace_id) FROM signals)"
ONE_EVENT = "(SELECT min(signal_id) FROM signals)"
DAMAGE = (
    "DELETE FROM cost_links",
    "DELETE FROM event_margins",
    "DELETE FROM cost_links WHERE hash(cost_id) % 3 = 0",
    "DELETE FROM event_margins WHERE hash(signal_id) % 3 = 0",
    "UPDATE cost_links SET cost_usd = cost_usd + 0.000000000001 WHERE hash(cost_id) % 7 = 0",
    "UPDATE cost_links SET cost_usd = NULL WHERE hash(cost_id) % 11 = 0",
    "UPDATE cost_links SET rule = 'scope' WHERE hash(cost_id) % 13 = 0",
    "UPDATE cost_links SET event_at = event_at + INTERVAL 3 DAY WHERE hash(cost_id) % 5 = 0",
    "UPDATE cost_links SET event_at = NULL WHERE hash(cost_id) % 17 = 0",
    "UPDATE cost_links SET occurred_at = occurred_at - INTERVAL 3 DAY, trace_id = NULL WHERE hash(cost_id) % 5 = 1",
    f"INSERT INTO cost_links SELECT * REPLACE ({ONE_EVENT} AS signal_id) FROM cost_links WHERE hash(cost_id) % 5 = 2",
    "INSERT INTO cost_links SELECT * REPLACE ('cost_x_y' AS cost_id) FROM cost_links LIMIT 2",
    "INSERT INTO cost_links SELECT * REPLACE ('gone' AS signal_id) FROM cost_links LIMIT 2",
    "INSERT INTO event_margins SELECT * REPLACE ('gone' AS signal_id) FROM event_margins LIMIT 2",
    "UPDATE event_margins SET revenue_usd = 7, margin_usd = NULL WHERE hash(signal_id) % 3 = 1",
    "UPDATE event_margins SET occurred_at = occurred_at + INTERVAL 2 DAY WHERE hash(signal_id) % 3 = 2",
    "UPDATE costs SET customer_id = 'nobody' WHERE hash(trace_id) % 5 = 0",
    "UPDATE costs SET link_trace_id = 'f' WHERE hash(trace_id) % 5 = 1",
    f"UPDATE costs SET cost_scope = 's' WHERE trace_id = {ONE}",
    "UPDATE costs SET sampling_weight = 2 WHERE hash(trace_id) % 7 = 0",
    "UPDATE costs SET status = 'aggregate', dedup = 'nested', cost_usd = NULL WHERE hash(trace_id) % 7 = 1",
    "UPDATE spans SET customer_id = 'nobody' WHERE hash(trace_id) % 7 = 2",
    "UPDATE spans SET product_id = NULL WHERE hash(span_id) % 7 = 3",
    "UPDATE signals SET customer_id = NULL WHERE hash(signal_id) % 5 = 0",
    # what the lake was given is another story from here on
    f"UPDATE costs SET response_id = 'chatcmpl-b94582cc7f8349f6a431c501' WHERE trace_id <= {ONE}",
    f"UPDATE costs SET scope_name = span_id WHERE trace_id = {ONE}",
    f"UPDATE signals SET cost_traced = false WHERE signal_id = {ONE_EVENT}",
    f"UPDATE signals SET trace_id = {ONE} WHERE hash(signal_id) % 9 = 0",
    f"UPDATE signals SET trace_id = NULL, span_id = NULL WHERE signal_id = {ONE_EVENT}",
    "UPDATE signals SET own_customer_id = 'another' WHERE hash(signal_id) % 9 = 1",
    "UPDATE signals SET occurred_at = occurred_at + INTERVAL 40 DAY WHERE hash(signal_id) % 9 = 2",
    "UPDATE spans SET own_cost_scope = 's' WHERE hash(span_id) % 19 = 0",
    "UPDATE spans SET parent_span_id = span_id WHERE hash(span_id) % 19 = 1",
    "UPDATE spans SET own_product_id = 'own' WHERE hash(span_id) % 19 = 2",
)


@pytest.fixture(scope="module")
def plain_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty plain events over thirty days."""
    folder = tmp_path_factory.mktemp("plain")
    build(folder, 60)
    return folder


def assert_the_same(folder: Path, damage: tuple[str, ...], given_rules: Rules) -> None:
    """Both ways of relinking a copy of the lake that was spoilt end in the same tables, which are true."""
    ways: list[tuple[Period | None, list[object]]] = [(None, []), (EVER, [])]
    with tempfile.TemporaryDirectory() as copies:
        for number, (period, found) in enumerate(ways):
            copy = Path(copies) / str(number)
            shutil.copytree(folder, copy)
            with Lake.open(copy, threads=1) as lake:
                if damage:
                    with lake.durable_transaction() as connection:
                        for statement in damage:
                            connection.execute(statement)
                        connection.execute(_FILED)
                relink(lake, given_rules.events, given_rules.price_again, period)
                found += [tables(lake), broken(lake)]
                assert relink(lake, given_rules.events, given_rules.price_again) == Changes()
    (_, (fast, untrue)), (_, (slow, _)) = ways
    assert differences(fast, slow) == []  # type: ignore[arg-type]
    assert untrue == {}


_FILED = (
    "INSERT INTO key_directory SELECT (SELECT max(batch) + 1 FROM key_directory), key_hash, NULL, NULL FROM ("
    "SELECT DISTINCT md5_number_lower('trace:' || trace_id) AS key_hash FROM signals WHERE trace_id IS NOT NULL UNION "
    "SELECT md5_number_lower('signal:' || signal_id) FROM signals UNION "
    "SELECT unnest([md5_number_lower('scope:s'), md5_number_lower('trace:x_y'), md5_number_lower('signal:gone')]) "
    "UNION "
    "SELECT DISTINCT md5_number_lower('response:' || response_id) FROM costs WHERE response_id IS NOT NULL)"
)
"""Damage moves rows in time: let the key directory say that they may be anywhere."""


@pytest.mark.parametrize("group", range(8))
def test_every_damage(plain_lake: Path, group: int) -> None:
    assert_the_same(plain_lake, DAMAGE[group::8], plain_rules())


@settings(
    max_examples=examples(2), deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
@given(damage=st.permutations(DAMAGE).map(lambda order: tuple(order[:3])))
def test_several_damages(plain_lake: Path, damage: tuple[str, ...]) -> None:
    assert_the_same(plain_lake, damage, plain_rules())


@pytest.fixture(scope="module")
def traffic_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some worlds of random traffic, linked as they came."""
    folder = tmp_path_factory.mktemp("traffic")
    (traffic,) = worlds(10)
    with Lake.open(folder, threads=1) as lake:
        fill(lake, [traffic.records])
        assert relink(lake, rules().events, rules().price_again) == Changes()
    return folder


@pytest.mark.timeout(900)
@settings(
    max_examples=examples(2), deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
@given(damage=st.permutations(DAMAGE[:16]).map(lambda order: tuple(order[:2])))
def test_any_traffic(traffic_lake: Path, damage: tuple[str, ...]) -> None:
    assert_the_same(traffic_lake, damage, rules())


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    empty_lake(tmp_path)
    with Lake.open(tmp_path, threads=1) as opened:
        yield opened


def test_a_plain_lake_needs_no_stage(plain_lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(plain_lake, tmp_path / "lake")
    monkeypatch.setattr("analytics.relink.around", None)
    with Lake.open(tmp_path / "lake", threads=1) as lake:
        before = tables(lake)
        with lake.durable_transaction() as connection:
            connection.execute("DELETE FROM cost_links")
            connection.execute("DELETE FROM event_margins")
        changes = relink(lake, plain_rules().events, plain_rules().price_again)
        assert changes == Changes(links=before["cost_links"].height, margins=before["event_margins"].height)
        assert differences(tables(lake), before) == []


def test_who_is_not_plain(lake: Lake) -> None:
    """A trace of each kind, and one that is plain."""
    plain, agent, nested, twins, scoped, shared, apart = map(Story, range(1, 8))
    fill(
        lake,
        [
            [plain.work(1, {"customer.id": "acme"}), plain.call(2, parent=1), plain.billed(3, parent=1)],
            [agent.call(1, operation="invoke_agent"), agent.call(2, parent=1)],
            [nested.call(1), nested.call(2, parent=1, at=1)],
            [twins.call(1, parent=9, answer=twins.answer), twins.call(1, trace=2, parent=9, answer=twins.answer)],
            [scoped.call(1, parent=9, scope=scoped.scope)],
            [shared.call(1, parent=9), shared.billed(2, parent=9), shared.billed(3, parent=9, event="another")],
            [apart.call(1, parent=9, library="one"), apart.call(2, parent=9, library="two")],
        ],
    )
    found = set(others(lake.read)["trace_id"])
    assert plain.trace_id(1).hex() not in found
    assert found == {
        agent.trace_id(1).hex(), nested.trace_id(1).hex(), twins.trace_id(1).hex(), twins.trace_id(2).hex(),
        scoped.trace_id(1).hex(), shared.trace_id(1).hex(), apart.trace_id(1).hex(),
    }  # fmt: skip


def test_what_the_service_changes_meanwhile_is_left_to_it(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scan saw a trace whose link was lost; then its second event came, and they share the cost."""
    story = Story()
    parts = [story.work(1), story.call(2, parent=1), story.billed(3, parent=1)]
    fill(lake, [parts])
    with lake.durable_transaction() as connection:
        connection.execute("DELETE FROM cost_links")
    correct = PlainTraces.correct

    def late(plain: PlainTraces, *arguments: object) -> Changes:
        assert plain.others.is_empty()
        fill(lake, [[story.billed(4, parent=1, event="another")]])
        with lake.durable_transaction() as connection:
            connection.execute("DELETE FROM cost_links")
        return correct(plain, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(PlainTraces, "correct", late)
    assert relink(lake, rules().events, rules().price_again) == Changes()
    monkeypatch.undo()
    relink(lake, rules().events, rules().price_again)
    assert lake.read("SELECT rule FROM cost_links")["rule"].to_list() == ["trace_split"] * 2
    assert broken(lake) == {}


def test_what_comes_after_margins_were_written_is_left_to_the_service_too(lake: Lake) -> None:
    """Margins file no key, so the number of their batch goes to what the service writes next."""
    story = Story()
    land_into(lake, [[story.work(1), story.call(2, parent=1), story.billed(3, parent=1)]])
    plain = PlainTraces(lake, rules().events)
    for expected in (Changes(margins=1), Changes()):
        with lake.durable_transaction() as connection:
            connection.execute("DELETE FROM event_margins")
        assert plain.correct() == expected
        land_into(lake, [[story.billed(4, parent=1, event="another")]])


def test_windows_do_not_matter(plain_lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relink_plain, "WINDOW", 7)
    monkeypatch.setattr(plain_links, "WINDOW", 7)
    shutil.copytree(plain_lake, tmp_path / "lake")
    with Lake.open(tmp_path / "lake", threads=1) as lake:
        before = tables(lake)
        with lake.durable_transaction() as connection:
            connection.execute("DELETE FROM cost_links")
            connection.execute("DELETE FROM event_margins")
        relink(lake, plain_rules().events, plain_rules().price_again)
        assert differences(tables(lake), before) == []


def test_rules_that_look_at_more_than_an_event_need_the_stages() -> None:
    assert applies(plain_rules().events, plain_rules().price_again)
    assert not applies(EventRules(attribution="each"), plain_rules().price_again)
