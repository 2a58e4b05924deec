"""Lakes from before rollups, and what a transaction remembers of rolled days."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from lake import migrate
from lake.connect import Lake
from lake.migrate import known_migrations
from lake.rolled import RolledDays, live_days
from tests.lake.rows import NOON, after, cost, frame, link, margin

SIGNAL = (
    "INSERT INTO signals (signal_id, event_name, source, occurred_at, cost_traced) "
    f"VALUES ('s1', 'report', 'api', '{after(days=2).isoformat()}', true)"
)
LINK = (
    "INSERT INTO cost_links (cost_id, signal_id, rule, cost_usd, trace_id, occurred_at) "
    f"VALUES ('cost_a_b', 's1', 'scope', 0.5, 'a', '{NOON.isoformat()}')"
)


@pytest.mark.usefixtures("migrations_run")
def test_links_of_an_older_lake_learn_when_their_event_was(data_dir: Path) -> None:
    older = [migration for migration in known_migrations() if migration.version < 4]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrate, "known_migrations", lambda: older)
        with Lake.open(data_dir) as lake, lake.durable_transaction() as connection:
            connection.execute(SIGNAL)
            connection.execute(LINK)
    with Lake.open(data_dir) as lake:
        assert lake.read("SELECT occurred_at, event_at FROM cost_links").row(0) == (NOON, after(days=2))


def test_days_up_to_the_last_can_become_stale() -> None:
    rows = pl.concat([live_days([date(2026, 11, 1)]), live_days([date(2026, 11, 3)]).with_columns(claim=pl.lit("c"))])
    rolled = RolledDays.of(rows)
    events = frame("event_margins", [margin(str(day), at=after(days=day)) for day in range(5)])
    changed = rolled.days_of(events, "event_margins")
    assert changed == {date(2026, 11, day) for day in (1, 2, 3)}, "later days are live anyway"
    assert rolled.stale(changed)["day"].to_list() == [date(2026, 11, 2), date(2026, 11, 3)], "the first is live already"


def test_a_lake_that_was_never_rolled_up_has_no_stale_days() -> None:
    rolled = RolledDays.of(live_days([]))
    assert rolled.end is None
    assert rolled.days_of(frame("event_margins", [margin("s")]), "event_margins") == set()


def test_another_process_that_rolls_up_is_noticed(data_dir: Path) -> None:
    with Lake.open(data_dir) as one, Lake.open(data_dir) as other:
        one.run(lambda tx: tx.append("event_margins", frame("event_margins", [margin("s1")])))
        rolled = live_days([NOON.date()]).with_columns(rolled_at=pl.lit(NOON))
        other.run(lambda tx: tx.append("rolled_days", rolled), by_key=False)
        assert one.read("SELECT count(*) FROM margin_daily").item() == 0, "the view believes it"
        late = cost(1, "0.1")
        with one.transaction() as tx:
            tx.append("costs", frame("costs", [late]))
            tx.append("cost_links", frame("cost_links", [link(late, "s1", "0.1")]))
        assert one.read("SELECT signals, linked_cost_usd FROM margin_daily").rows() == [(1, Decimal("0.1"))]
