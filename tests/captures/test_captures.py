"""Every capture right, once: what real libraries sent, from the bytes to the settled costs, against the truth.

What is allowed to be missing is only what the recording says that the wire lost; see `judge.py`.
"""

import pytest

from tests.captures.judge import CAPTURES, capture, miscounted, misnamed, mispriced, misread

pytestmark = pytest.mark.parametrize("name", CAPTURES)


def test_each_call_is_counted_once(name: str) -> None:
    assert miscounted(capture(name)) == []


def test_every_figure_that_the_wire_carries_is_read_and_a_lost_one_is_said_to_be_unknown(name: str) -> None:
    assert misread(capture(name)) == []


def test_provider_models_and_tier_are_true(name: str) -> None:
    assert misnamed(capture(name)) == []


def test_the_cost_is_that_of_the_truth(name: str) -> None:
    assert mispriced(capture(name)) == []
