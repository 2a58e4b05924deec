"""What a later commit changes of an earlier one: only what it teaches, and all of that."""

import random
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path

import polars as pl
import pytest

from analytics.component import Seeds, load_component
from lake.connect import Lake
from receiver.journal.record import Record
from tests.analytics.stories import Story
from tests.marginlake.lakes import Tables, broken, differences, fill, in_batches, land_batches, rest, rules

Told = tuple[list[Record], dict[str, str | None]]
"""What was sent, and what each event cost in the end (thousandths of a cent)."""

STORIES: dict[str, Callable[[Story], Told]] = {
    "a signal after its call": lambda s: ([s.call(1), s.billed(2)], {"report": "15"}),
    "a second signal halves what the first bore": lambda s: (
        [s.call(1), s.billed(2, "one"), s.billed(3, "two")],
        {"one": "7.5", "two": "7.5"},
    ),
    "the customer comes with the root, and makes the scope's claim true": lambda s: (
        [
            s.work(1, {"customer.id": "acme"}),
            s.call(2, parent=1, scope=s.scope),
            s.billed(3, trace=2, customer="acme", scope=s.scope),
        ],
        {"report": "15"},
    ),
    "the customer of the claim comes with the root of its trace": lambda s: (
        [
            s.call(1, customer="acme", scope=s.scope),
            s.billed(2, trace=2, parent=3, scope=s.scope),
            s.work(3, {"user.id": "acme"}, trace=2),
        ],
        {"report": "15"},
    ),
    "the root shows that the call was another customer's": lambda s: (
        [s.work(1, {"customer.id": "other"}), s.call(2, parent=1), s.billed(3, customer="acme")],
        {"report": "0"},
    ),
    "a claim takes a cost from the signal of its trace": lambda s: (
        [
            s.call(1, scope=s.scope, customer="acme"),
            s.billed(2, "left"),
            s.billed(3, "right", trace=2, scope=s.scope, customer="acme"),
        ],
        {"left": "0", "right": "15"},
    ),
    "one call in two traces is borne by the trace that bills": lambda s: (
        [s.call(1, answer=s.answer), s.call(1, trace=2, answer=s.answer, library="gateway"), s.billed(2, trace=2)],
        {"report": "15"},
    ),
    "a twin in a third trace brings the customer whose scope is claimed": lambda s: (
        [
            s.call(1, answer=s.answer, scope=s.scope),
            s.call(1, trace=2, answer=s.answer, library="gateway", customer="acme", scope=s.scope),
            s.billed(2, trace=3, customer="acme", scope=s.scope),
        ],
        {"report": "15"},
    ),
    "a callback's call and the client's own, in a trace of its own": lambda s: (
        [s.call(1, library="langchain"), s.call(2, trace=2, library="sdk", answer=s.answer), s.billed(3)],
        {"report": "15"},
    ),
    "two customers' equal calls at once are two": lambda s: (
        [
            s.call(1, library="langchain", customer="acme"),
            s.call(2, trace=2, library="sdk", customer="other"),
            s.billed(3, "one"),
            s.billed(4, "two", trace=2),
        ],
        {"one": "15", "two": "15"},
    ),
    "the customer who tells equal calls apart comes with the root": lambda s: (
        [
            s.call(1, library="langchain", parent=5),
            s.call(2, trace=2, library="sdk", customer="other"),
            s.billed(3, "one"),
            s.billed(4, "two", trace=2),
            s.work(5, {"customer.id": "acme"}),
        ],
        {"one": "15", "two": "15"},
    ),
    "a client's call that fits better takes the place of another": lambda s: (
        [
            s.call(1, library="langchain"),
            s.call(2, trace=2, library="sdk", at=40),
            s.billed(3, "one"),
            s.billed(4, "two", trace=2),
            s.call(5, trace=3, library="sdk", at=1),
        ],
        {"one": "15", "two": "15"},
    ),
    "a stream's usage comes on a record in another trace": lambda s: (
        [s.stream(1, trace=1, at=0), s.stream(2, trace=2, at=41, record=True), s.billed(3)],
        {"report": "15"},
    ),
    "a stream whose record the client's own call makes superfluous": lambda s: (
        [
            s.stream(1, trace=1, at=0),
            s.stream(2, trace=2, at=41, record=True),
            s.call(4, parent=1, at=2, library="sdk", answer=s.answer),
            s.billed(3),
        ],
        {"report": "15"},
    ),
    "a version of a call that loses gives its twin back": lambda s: (
        [
            s.call(1, library="langchain"),
            s.call(2, trace=2, library="sdk"),
            s.billed(3, "one"),
            s.billed(4, "two", trace=2),
            s.call(1, library="langchain", tokens=2000, at=1),
        ],
        {"one": "30", "two": "15"},
    ),
    "an agent's total vanishes when its call arrives": lambda s: (
        [s.call(1, operation="invoke_agent"), s.work(2, parent=1), s.call(3, parent=2), s.billed(4)],
        {"report": "15"},
    ),
    "of two versions of a call the one that ended last counts": lambda s: (
        [s.call(1, tokens=1000), s.call(1, tokens=2000, at=1), s.billed(2)],
        {"report": "30"},
    ),
    "a version that is no call takes the call's cost away": lambda s: (
        [s.call(1), s.work(1, {"http.route": "/"}, lasts=20), s.billed(2)],
        {"report": "0"},
    ),
    "a version that is no signal gives the cost back to the other": lambda s: (
        [s.call(1), s.billed(2, "one"), s.billed(3, "two"), s.work(3, lasts=20)],
        {"one": "15"},
    ),
    "a version elsewhere in the tree has another customer": lambda s: (
        [
            s.work(1, {"customer.id": "acme"}),
            s.call(2, scope=s.scope),
            s.call(2, parent=1, scope=s.scope, at=1),
            s.billed(3, trace=2, customer="acme", scope=s.scope),
        ],
        {"report": "15"},
    ),
}
TOLD = {name: tell(Story(number)) for number, (name, tell) in enumerate(STORIES.items(), start=1)}


def in_turn(stories: list[list[Record]]) -> list[list[Record]]:
    """The n-th commit has the n-th record of every story."""
    return [[record for record in turn if record] for turn in zip_longest(*stories)]


@pytest.fixture(scope="module")
def at_once(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """All stories in one commit."""
    return land_batches(tmp_path_factory.mktemp("at-once"), [[record for sent, _ in TOLD.values() for record in sent]])


@pytest.mark.parametrize("name", STORIES)
def test_what_the_events_cost(name: str, at_once: Tables) -> None:
    number = list(STORIES).index(name) + 1
    assert Story(number).costs(at_once) == TOLD[name][1]


def test_record_by_record_tells_the_same_stories(tmp_path: Path, at_once: Tables) -> None:
    landed = land_batches(tmp_path, in_turn([sent for sent, _ in TOLD.values()]))
    assert differences(landed, at_once) == []
    assert broken(tmp_path) == {}


def test_record_by_record_from_the_end_tells_the_same_stories(tmp_path: Path, at_once: Tables) -> None:
    landed = land_batches(tmp_path, in_turn([sent[::-1] for sent, _ in TOLD.values()]))
    assert differences(landed, at_once) == []
    assert broken(tmp_path) == {}


@pytest.mark.parametrize("seed", range(4))
def test_twins_in_other_traces_are_found_in_whatever_order_they_come(seed: int, tmp_path: Path) -> None:
    """Callbacks, clients and split streams of one process, so close together that many could be many others' twins."""
    chance, story = random.Random(seed), Story()
    sent = []
    for trace in range(1, 40):
        at, customer = chance.randrange(0, 3000, 20), chance.choice([{}, {"customer": "acme"}, {"customer": "other"}])
        kind = chance.choice(["langchain", "sdk", "request", "record"])
        if kind in ("request", "record"):
            sent.append(story.stream(1, trace=trace, at=at, record=kind == "record"))
        else:
            sent.append(story.call(1, trace=trace, at=at, library=kind, **customer))
    at_once = land_batches(tmp_path / "at-once", [sent])
    assert set(at_once["costs"]["dedup"]) == {None, "heuristic"}
    chance.shuffle(sent)
    landed = land_batches(tmp_path / "in-turn", in_batches(sent, 12, chance))
    assert differences(landed, at_once) == []
    assert broken(tmp_path / "in-turn") == {}


class TestIdempotencyKeys:
    late = Story().billed(1, "late", at=5, key="order-1", customer="acme")
    early = Story().billed(1, "early", trace=2, at=1, key="order-1", customer="acme")

    def test_a_key_is_billed_once_and_the_earliest_counts(self, tmp_path: Path) -> None:
        other = Story().billed(3, "other", trace=2, key="order-2")
        there = land_batches(tmp_path / "there", [[self.late, other], [self.early]])
        back = land_batches(tmp_path / "back", [[self.early], [other, self.late]])
        assert set(there["event_margins"]["event_name"]) == {"early", "other"}
        assert differences(there, back) == []
        assert broken(tmp_path / "there") == {}

    def test_the_same_key_by_rest_and_on_a_span_is_one_signal(self, tmp_path: Path) -> None:
        posted = rest(
            b'{"signals":[{"eventName":"posted","customer":{"externalCustomerId":"acme"},"idempotencyKey":"order-1",'
            b'"timestamp":"2026-01-01T00:00:00Z"}]}'
        )
        there = land_batches(tmp_path / "there", [[self.late], [posted]])
        back = land_batches(tmp_path / "back", [[posted], [self.late]])
        assert there["signals"]["event_name"].to_list() == ["posted"]
        assert differences(there, back) == []

    def test_a_keyed_signal_outlives_the_version_of_the_span_that_said_it(self, tmp_path: Path) -> None:
        """Which span a key was first said on must not decide whether it is billed at all."""
        records = [self.early, Story().work(1, trace=2, lasts=20), self.late]
        there = land_batches(tmp_path / "there", [[record] for record in records])
        back = land_batches(tmp_path / "back", [[record] for record in reversed(records)])
        assert there["signals"]["event_name"].to_list() == ["early"]
        assert differences(there, back) == []


def test_ids_that_come_round_again_connect_nothing(tmp_path: Path) -> None:
    """A local server that numbers its answers must not make every commit load the whole lake."""
    fill(tmp_path, [[Story().call(1, trace=trace, answer="chatcmpl-42") for trace in range(1, 6)]])
    none = pl.Series([], dtype=pl.String)
    with Lake.open(tmp_path, threads=1) as lake, lake.reading() as tx:
        seeds = Seeds(pl.Series([Story().trace_id(1).hex()]), none, none, none)
        assert load_component(tx, seeds, rules().price_again).calls.height == 1
