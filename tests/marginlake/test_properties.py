"""Whatever arrives, in whatever order and batches: the tables are those of all at once, and the money is true."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings

from analytics.recompute import Changes
from analytics.relink import relink
from lake.connect import Lake
from receiver.journal.record import Record
from tests.marginlake.lakes import broken, differences, land_batches, rules, tables_of
from tests.marginlake.traffic import dealt

PROFILE = settings(
    max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


@PROFILE
@given(dealt())
def test_order_and_batches_change_nothing_and_relink_finds_nothing(
    sent: tuple[list[Record], list[list[Record]]],
) -> None:
    records, batches = sent
    with tempfile.TemporaryDirectory() as folder:
        whole, parts = Path(folder) / "whole", Path(folder) / "parts"
        at_once = land_batches(whole, [records])
        assert differences(land_batches(parts, batches), at_once) == []
        assert broken(parts) == {}
        with Lake.open(parts, threads=1) as lake:
            assert relink(lake, rules().revenue, rules().price_again) == Changes()
        assert differences(tables_of(parts), at_once) == []
