"""Readers in other processes during ingest and upkeep: never an error, never half a commit."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lake.read import query
from tests.service.load import Load, wait_stored
from tests.service.running import ENVIRONMENT, Service, healthy, marginlake
from tests.service.sending import CALLS, SPANS

READER = [sys.executable, "-m", "tests.service.reader"]
# Upkeep all the time, and every unused file goes as early as the settings allow.
SETTINGS = """
[commit]
interval_seconds = 0.1
[maintenance]
interval_minutes = 0.02
keep_every_snapshot_minutes = 1
keep_hourly_snapshots_days = 0
file_grace_minutes = 1
"""


def read_during_load(service: Service, seconds: float, readers: int) -> list[dict]:
    """What readers say after that time of load (only whole traces, so that all counts hang together)."""
    processes = [
        subprocess.Popen(
            [*READER, str(service.data_dir), str(SPANS), str(CALLS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=ENVIRONMENT,
            text=True,
        )
        for _ in range(readers)
    ]
    with Load(service, traces_only=True) as load:
        time.sleep(seconds)
    answers = [json.loads(process.communicate(timeout=60)[0]) for process in processes]
    wait_stored(service.data_dir, load.acknowledged)
    return answers


def test_readers_see_whole_commits_only(tmp_path: Path) -> None:
    with Service(tmp_path / "data", SETTINGS) as service:
        for answer in read_during_load(service, seconds=5, readers=1):
            assert answer["wrong"] == []
            assert answer["states"] > 1


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_readers_do_not_notice_the_upkeep_that_deletes_files(tmp_path: Path) -> None:
    with Service(tmp_path / "data", SETTINGS) as service:
        answers = read_during_load(service, seconds=80, readers=2)
        assert [answer["wrong"] for answer in answers] == [[], []]
        assert min(answer["states"] for answer in answers) > 20
        done = [json.loads(line) for line in service.log.splitlines() if "maintenance done" in line]
        for what in ("files_merged", "files_rewritten", "snapshots_expired", "files_deleted"):
            assert sum(report[what] for report in done) > 0, what
        again = marginlake("maintain", "--data", str(service.data_dir))
        assert again.returncode == 0, again.stderr
        assert service.stop() == 0
        assert query(service.data_dir, "SELECT count(*) FROM spans").item() > 0
        healthy(service.data_dir)
