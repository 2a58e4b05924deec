"""A full disk: senders are told to come again; with room the service goes on by itself, with all it acknowledged."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.load import Load, wait_stored
from tests.service.running import Service, healthy
from tests.service.sending import Grpc, Http, signal, trace_body
from tests.service.small_disk import FullDisk, small_file_system, small_files

SETTINGS = "[commit]\ninterval_seconds = 0.2\n[receiver]\nretry_after_seconds = 3\n"
MORE_THAN_A_BLOCK = 10_000
"""Bytes: what is smaller may still fit into the last block of a file that is there."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(params=[small_file_system, small_files], ids=["full file system", "limit on files"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FullDisk]:
    with request.param(tmp_path / "disk") as small:
        yield small


@pytest.fixture
def service(disk: FullDisk, tmp_path: Path) -> Iterator[Service]:
    with Service(disk.data_dir, SETTINGS, notes=tmp_path) as running:
        yield running


def stays_full(disk: FullDisk, service: Service, load: Load) -> None:
    """Fill the disk until nothing more is acknowledged for a while; assert meanwhile that every way in is refused.

    One time may not do: a commit that was under way writes its files, or fails and gives back the room they took.
    """
    acknowledged: int | None = None
    until = time.monotonic() + 40
    while acknowledged != len(load.acknowledged):
        assert time.monotonic() < until, f"a full disk still takes {len(load.acknowledged)}: {load.codes}"
        disk.fill(service.process.pid)
        time.sleep(1)
        acknowledged = len(load.acknowledged)
        time.sleep(3)
    refuses_everything(service)


def refuses_everything(service: Service) -> None:
    """Assert that every way in asks to come again."""
    with Grpc(service.grpc) as by_grpc, Http(service.http) as by_http:
        body, _ = trace_body(padding=MORE_THAN_A_BLOCK)
        billed = signal("while full", data={"note": "x" * MORE_THAN_A_BLOCK})
        answers = [by_grpc.export(body), by_http.export(body), by_http.signals([billed])]
        assert [answer.code for answer in answers] == ["UNAVAILABLE", "503", "503"]
        assert {answer.retry_after for answer in answers} == {3}
        assert by_http.client.get("/healthz").status_code == 200


def test_it_refuses_while_the_disk_is_full_and_goes_on_by_itself(
    disk: FullDisk, service: Service, tmp_path: Path
) -> None:
    with Load(service) as load:
        for _ in range(2):
            load.wait_acknowledged(100)
            stays_full(disk, service, load)
            disk.free(service.process.pid)
        load.wait_acknowledged(100)
    wait_stored(disk.data_dir, load.acknowledged)
    assert service.stop() == 0
    assert load.codes.keys() <= {"OK", "200", "UNAVAILABLE", "503"}
    assert "Traceback" not in service.log
    assert len(service.log.splitlines()) < 150, "a full disk does not fill the next one with its log"
    # Elsewhere, because doctor minds a disk that is nearly full.
    healthy(Path(shutil.copytree(disk.data_dir, tmp_path / "copy")))


def test_what_was_acknowledged_outlives_a_kill_on_a_full_disk(disk: FullDisk, service: Service, tmp_path: Path) -> None:
    with Load(service) as load:
        load.wait_acknowledged(100)
        disk.fill(service.process.pid)
        time.sleep(1)
        service.kill()
        disk.free(service.process.pid)
        service.start()
        load.wait_acknowledged(100)
    wait_stored(disk.data_dir, load.acknowledged)
    assert service.stop() == 0
    healthy(Path(shutil.copytree(disk.data_dir, tmp_path / "copy")))
