"""Re-pricing random traffic: the tables are those of everything having come in under the other prices, in any order."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics import reprice as module
from analytics.period import Period, moment
from analytics.recompute import Changes
from analytics.reprice import Repriced, reprice
from analytics.reprice_difference import difference
from lake.connect import Lake
from receiver.journal.record import Record
from tests.examples import examples
from tests.marginlake.books import earlier, later, prices_of, rules_under
from tests.marginlake.lakes import broken, differences, land_batches, land_into, tables
from tests.marginlake.traffic import BASE_NS, HOUR, dealt
from tests.new_lakes import empty_lake

PROFILE = settings(
    max_examples=examples(4), deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
MIDDLE: datetime = moment((BASE_NS + HOUR) // 1000).astimezone(UTC)
"""A time between the traces of the traffic."""


def again(lake: Lake, catalog: str, period: Period | None = None) -> Repriced:
    rules = rules_under(catalog)
    return reprice(lake, rules.events, rules.price_again, prices_of(catalog), period)


@pytest.mark.timeout(600)
@PROFILE
@given(sent=dealt(), chunk=st.sampled_from([1, 3, 1000]))
def test_as_if_all_had_come_in_so_twice_is_once_and_back_is_nothing(
    sent: tuple[list[Record], list[list[Record]]], chunk: int
) -> None:
    records, batches = sent
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", chunk)
        at_once = land_batches(Path(folder) / "later", [records], rules_under(later()))
        empty_lake(Path(folder) / "lake")
        with Lake.open(Path(folder) / "lake", threads=1) as lake:
            before = land_into(lake, batches, rules_under(earlier()))
            entry = again(lake, later()).entry
            assert differences(tables(lake), at_once) == []
            assert broken(lake) == {}
            assert entry.cost_after_usd == lake.read("SELECT coalesce(sum(cost_usd), 0) FROM costs").item()
            assert difference(lake, prices_of(later())).count("rewritten") == 0
            assert again(lake, later()).changes == Changes()
            again(lake, earlier(), Period(None, MIDDLE))
            again(lake, earlier(), Period(MIDDLE, None))
            assert differences(tables(lake), before) == []
            assert broken(lake) == {}


@pytest.mark.timeout(600)
@PROFILE
@given(sent=dealt(), data=st.data())
def test_reprice_between_two_batches_is_reprice_at_the_end(
    sent: tuple[list[Record], list[list[Record]]], data: st.DataObject
) -> None:
    """What came in before and after a re-pricing under the later book, all under that book."""
    records, batches = sent
    cut = data.draw(st.integers(0, len(batches)))
    with tempfile.TemporaryDirectory() as folder:
        at_once = land_batches(Path(folder) / "later", [records], rules_under(later()))
        empty_lake(Path(folder) / "lake")
        with Lake.open(Path(folder) / "lake", threads=1) as lake:
            land_into(lake, batches[:cut], rules_under(earlier()))
            again(lake, later())
            land_into(lake, batches[cut:], rules_under(later()))
            assert differences(tables(lake), at_once) == []
            assert broken(lake) == {}
