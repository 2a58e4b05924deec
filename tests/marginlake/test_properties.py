"""Whatever arrives, in whatever order and batches, once or again: the tables are those of all at once, and are true.

Each lake tries twenty independent worlds of random traffic.
"""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from analytics.recompute import Changes
from analytics.relink import relink
from lake.connect import Lake
from receiver.journal.record import Record
from tests.examples import examples
from tests.marginlake.lakes import broken, differences, empty_lake, land_batches, land_into, rules, tables
from tests.marginlake.traffic import worlds

PROFILE = settings(
    max_examples=examples(5), deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.timeout(900)
@PROFILE
@given(worlds(20))
def test_order_and_batches_change_nothing_and_relink_finds_nothing(
    sent: tuple[list[Record], list[list[Record]]],
) -> None:
    records, batches = sent
    with tempfile.TemporaryDirectory() as folder:
        at_once = land_batches(Path(folder) / "whole", [records])
        empty_lake(Path(folder) / "parts")
        with Lake.open(Path(folder) / "parts", threads=1) as lake:
            assert differences(land_into(lake, batches), at_once) == []
            assert broken(lake) == {}
            assert differences(land_into(lake, batches[:2]), at_once) == [], "what is sent again changes nothing"
            assert relink(lake, rules().events, rules().price_again) == Changes()
            lose_results(lake)
            relink(lake, rules().events, rules().price_again)
            assert differences(tables(lake), at_once) == []


def lose_results(lake: Lake) -> None:
    """Leave only what was received and what it cost."""
    with lake.transaction() as tx:
        tx.delete("cost_links", tx.read("SELECT cost_id, signal_id FROM cost_links"))
        tx.delete("event_margins", tx.read("SELECT signal_id FROM event_margins"))
