"""The same data in any order, in any batches, twice, by several processes at once: the same tables, byte for byte."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from receiver.journal.record import Kind
from tests.marginlake.lakes import (
    REVENUE, Tables, broken, captured, differences, in_batches, land_batches, span_by_span, tables_of,
)  # fmt: skip


@pytest.fixture(scope="module")
def at_once(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """Everything that was captured, landed in one commit."""
    data_dir = tmp_path_factory.mktemp("at-once")
    landed = land_batches(data_dir, [captured()])
    assert broken(data_dir) == {}
    return landed


def test_the_captures_hold_what_the_other_tests_are_about(at_once: Tables) -> None:
    costs, links, margins = at_once["costs"], at_once["cost_links"], at_once["event_margins"]
    assert costs.height > 150
    assert {"priced", "unpriced", "aggregate", "zero_rated"} <= set(costs["status"])
    assert costs["cost_usd"].drop_nulls().sum() > 0
    assert links.height > 0
    assert margins["revenue_usd"].drop_nulls().len() > 0
    assert {"complete", "untraced"} <= set(margins["cost_status"])


def test_twice_is_once(tmp_path: Path, at_once: Tables) -> None:
    assert differences(land_batches(tmp_path, [captured(), captured()]), at_once) == []


@pytest.mark.parametrize("seed", [1, 2])
def test_shuffled_span_by_span_and_cut_into_random_batches(tmp_path: Path, at_once: Tables, seed: int) -> None:
    chance = random.Random(seed)
    alone = [single for record in captured() for single in span_by_span(record)]
    chance.shuffle(alone)
    assert differences(land_batches(tmp_path, in_batches(alone, 12, chance)), at_once) == []
    assert broken(tmp_path) == {}


def test_retries_among_the_batches_change_nothing(tmp_path: Path, at_once: Tables) -> None:
    chance = random.Random(3)
    alone = [single for record in captured() for single in span_by_span(record)]
    again = alone + chance.sample(alone, len(alone) // 3)
    chance.shuffle(again)
    assert differences(land_batches(tmp_path, in_batches(again, 6, chance)), at_once) == []
