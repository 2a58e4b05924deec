"""Re-pricing random traffic: the tables are those of everything having come in under the other prices, in any order."""

import random
from datetime import UTC, datetime
from functools import cache
from itertools import cycle
from pathlib import Path

import pytest

from analytics import reprice as module
from analytics.period import Period, moment
from analytics.recompute import Changes
from analytics.reprice import Repriced, reprice
from analytics.reprice_difference import difference
from lake.connect import Lake
from tests.examples import examples
from tests.marginlake.books import earlier, later, prices_of, rules_under
from tests.marginlake.lakes import broken, differences, fill, land_batches, land_into, tables
from tests.marginlake.traffic import BASE_NS, HOUR, Traffic, worlds

MIDDLE: datetime = moment((BASE_NS + HOUR) // 1000).astimezone(UTC)
"""A time between the traces of the traffic."""


def again(lake: Lake, catalog: str, period: Period | None = None) -> Repriced:
    rules = rules_under(catalog)
    return reprice(lake, rules.events, rules.price_again, prices_of(catalog), period)


@cache
def sent() -> list[Traffic]:
    """Worlds of random traffic, four of them in a lake."""
    return worlds(examples(4), at_once=4)


@pytest.mark.timeout(600)
def test_as_if_all_had_come_in_so_twice_is_once_and_back_is_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In transactions of one call, of three and of as many as there are."""
    chunks = cycle([3, 1, 1000, 1000, 3, 1, 1])
    for number, traffic in enumerate(sent()):
        at_once = land_batches(tmp_path / f"{number}-later", [traffic.records], rules_under(later()))
        with Lake.open(tmp_path / str(number), threads=1) as lake:
            before = land_into(lake, traffic.batches, rules_under(earlier()))
            monkeypatch.setattr(module, "CHUNK", next(chunks))
            entry = again(lake, later()).entry
            assert differences(tables(lake), at_once) == []
            assert broken(lake) == {}
            assert entry.cost_after_usd == lake.read("SELECT coalesce(sum(cost_usd), 0) FROM costs").item()
            assert difference(lake, prices_of(later())).count("rewritten") == 0
            assert again(lake, later()).changes == Changes()
            for period in (Period(None, MIDDLE), Period(MIDDLE, None)):
                monkeypatch.setattr(module, "CHUNK", next(chunks))
                again(lake, earlier(), period)
            assert differences(at_once, before), "the books differ"
            assert differences(tables(lake), before) == []
            assert broken(lake) == {}


@pytest.mark.timeout(600)
def test_reprice_between_two_batches_is_reprice_at_the_end(tmp_path: Path) -> None:
    """What came in before and after a re-pricing under the later book, all under that book."""
    for number, traffic in enumerate(sent()):
        records, batches = traffic.records, traffic.batches
        cut = random.Random(number).randint(1, max(1, len(batches) - 1))
        at_once = land_batches(tmp_path / f"{number}-later", [records], rules_under(later()))
        with Lake.open(tmp_path / str(number), threads=1) as lake:
            fill(lake, batches[:cut], rules_under(earlier()))
            again(lake, later())
            fill(lake, batches[cut:], rules_under(later()))
            assert differences(tables(lake), at_once) == []
            assert broken(lake) == {}
