"""Readers in other processes never meet an error or half a commit, not even while upkeep throws files away."""

import multiprocessing
import time
from datetime import timedelta
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path

from lake.connect import Lake
from lake.maintain import Policy, Report, maintain
from lake.read import query
from tests.lake.rows import after, cost, frame, margin, span

PROCESSES = multiprocessing.get_context("spawn")
# A commit writes as many spans as costs, and moves a dollar between two events.
TOGETHER = """
SELECT (SELECT count(*) FROM spans) AS spans,
       (SELECT count(*) FROM costs) AS costs,
       (SELECT count(DISTINCT cost_id) FROM costs) AS distinct_costs,
       (SELECT sum(cost_usd) FROM costs)::INT AS usd,
       (SELECT coalesce(max(position), 0) FROM ingest_progress) AS position,
       (SELECT sum(revenue_usd) FROM event_margins)::INT AS revenue
"""
PER_COMMIT = 7


def wrong(row: tuple[int, ...]) -> bool:
    spans, costs, distinct, usd, position, revenue = row
    return not (spans == costs == distinct == usd == PER_COMMIT * position and revenue == 200)


def read_until_told(data_dir: Path, fresh: bool, stop: Event, found: "Queue[tuple[int, list[str]]]") -> None:
    """Ask over one open lake, or open it anew for every question as the command line does."""
    answers, problems, last = 0, [], 0
    with Lake.open(data_dir, read_only=True, threads=1) as lake:
        while not stop.is_set():
            try:
                row = (query(data_dir, TOGETHER, threads=1) if fresh else lake.read(TOGETHER)).row(0)
            except Exception as error:  # noqa: BLE001 (any error at all is what we look for)
                problems.append(f"{type(error).__name__}: {error}")
                continue
            answers += 1
            if wrong(row) or row[4] < last:
                problems.append(f"half a commit: {row} after {last}")
            last = row[4]
    found.put((answers, problems))


def test_readers_see_whole_commits_while_writing_and_upkeep_go_on(lake: Lake, data_dir: Path) -> None:
    def move_a_dollar(number: int) -> None:
        with lake.transaction() as tx:
            ids = range(number * PER_COMMIT, (number + 1) * PER_COMMIT)
            moment = after(seconds=number)
            tx.append("spans", frame("spans", [span(n, trace_number=number, at=moment) for n in ids]))
            tx.append("costs", frame("costs", [cost(n, "1", trace_number=number, at=moment) for n in ids]))
            gives = number % 50
            moved = [margin("a", revenue=str(100 - gives)), margin("b", revenue=str(100 + gives))]
            margins = frame("event_margins", moved)
            tx.replace("event_margins", margins.select("signal_id"), margins)
            tx.set_progress("journal", number + 1)

    move_a_dollar(0)
    found: Queue[tuple[int, list[str]]] = PROCESSES.Queue()
    stop = PROCESSES.Event()
    readers = [
        PROCESSES.Process(target=read_until_told, args=(data_dir, fresh, stop, found)) for fresh in (False, True)
    ]
    for reader in readers:
        reader.start()
    # Files go seconds after they fell out of use: much sooner than in earnest, later than any question here takes.
    soon = timedelta(seconds=3)
    policy = Policy(keep_each=soon, keep_hourly=soon, grace=soon, merge_from=3)
    commits, done, started = 1, Report(), time.monotonic()
    while time.monotonic() < started + 60:
        move_a_dollar(commits)
        commits += 1
        if commits % 5 == 0:
            report = maintain(lake, policy)
            done.files_deleted += report.files_deleted
            done.files_merged += report.files_merged
            done.snapshots_expired += report.snapshots_expired
            enough = done.files_deleted and done.files_merged and done.snapshots_expired
            if enough and time.monotonic() > started + 6:
                break
    stop.set()
    results = [found.get(timeout=30) for _ in readers]
    for reader in readers:
        reader.join(30)
    assert [problems for _, problems in results] == [[], []]
    assert all(answers > 3 for answers, _ in results)
    assert commits >= 5
    assert done.files_merged > 0
    assert done.snapshots_expired > 0
    assert done.files_deleted > 0
