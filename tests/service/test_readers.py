"""Readers in other processes during ingest and upkeep: never an error, never half a commit."""

import json
import subprocess
import sys
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


def read_during_load(service: Service, *, readers: int, seconds: int, states: int) -> list[dict]:
    """What readers say after that time and that many commits under load (of whole traces: all counts hang together)."""
    command = [*READER, *map(str, (service.data_dir, SPANS, CALLS, seconds, states))]
    with Load(service, traces_only=True, pause=0.05) as load:
        processes = [
            subprocess.Popen(command, stdout=subprocess.PIPE, env=ENVIRONMENT, text=True) for _ in range(readers)
        ]
        answers = [json.loads(process.communicate(timeout=seconds + 90)[0]) for process in processes]
    wait_stored(service.data_dir, load.acknowledged)
    return answers


def test_readers_see_whole_commits_only(tmp_path: Path) -> None:
    with Service(tmp_path / "data", SETTINGS) as service:
        [answer] = read_during_load(service, readers=1, seconds=4, states=4)
        assert answer["wrong"] == []
        assert answer["states"] >= 4


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_readers_do_not_notice_upkeep_that_never_rests(tmp_path: Path) -> None:
    with Service(tmp_path / "data", SETTINGS) as service:
        answers = read_during_load(service, readers=2, seconds=80, states=20)
        assert [answer["wrong"] for answer in answers] == [[], []]
        assert min(answer["states"] for answer in answers) >= 20
        done = [json.loads(line) for line in service.log.splitlines() if "maintenance done" in line]
        for what in ("files_merged", "snapshots_expired"):
            assert sum(report[what] for report in done) > 0, what
        again = marginlake("maintain", "--data", str(service.data_dir))
        assert again.returncode == 0, again.stderr
        assert service.stop() == 0
        assert query(service.data_dir, "SELECT count(*) FROM spans").item() > 0
        healthy(service.data_dir)
