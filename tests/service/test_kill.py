"""`kill -9` at random moments under load: what was acknowledged is there, once, however often the service died."""

import random
import time
from pathlib import Path

import pytest

from tests.service.load import Load, stored, wait_stored
from tests.service.running import Service, healthy


def die_and_come_back(service: Service, kills: int, seed: int) -> Load:
    """Load a service while it is killed and started again at random moments; returns what the load knows."""
    chance = random.Random(seed)
    with Load(service, seed=seed) as load:
        for _ in range(kills):
            load.wait_acknowledged(20)
            time.sleep(chance.uniform(0.0, 2.0))
            service.kill()
            service.start()
        load.wait_acknowledged(20)
    return load


def check(service: Service, load: Load) -> None:
    wait_stored(service.data_dir, load.acknowledged)
    assert stored(service.data_dir).keys() <= load.sent
    assert service.stop() == 0
    found = stored(service.data_dir)
    assert load.acknowledged <= found.keys() <= load.sent
    assert set(found.values()) == {1}
    healthy(service.data_dir)
    # "Come again" while it starts or ends, or no answer at all: never an answer that makes a sender drop its data.
    assert load.codes.keys() <= {"OK", "200", "UNAVAILABLE", "503", "no answer"}


def test_what_was_acknowledged_is_there_once_after_two_kills(tmp_path: Path) -> None:
    with Service(tmp_path / "data") as service:
        check(service, die_and_come_back(service, kills=2, seed=1))


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", [2, 3])
def test_what_was_acknowledged_is_there_once_after_many_kills(tmp_path: Path, seed: int) -> None:
    # Small segments and frequent commits: more borders to die at.
    settings = "[journal]\nsegment_mib = 1\narchive_days = 1\n[commit]\ninterval_seconds = 0.1\n"
    with Service(tmp_path / "data", settings) as service:
        check(service, die_and_come_back(service, kills=8, seed=seed))
