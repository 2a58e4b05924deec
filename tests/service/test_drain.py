"""Stopping under load: quickly, with exit code 0, and with everything acknowledged in the lake or in the journal."""

import time
from pathlib import Path
from signal import SIGINT, SIGTERM, Signals

import pytest

from tests.service.load import Load, stored, wait_stored
from tests.service.running import Service, healthy
from tests.service.sending import Grpc, trace_body
from tests.service.test_overload import nobody_writes

WITHIN = 10.0


@pytest.mark.parametrize("number", [SIGINT, SIGTERM])
def test_a_signal_under_load_drains_everything_into_the_lake(tmp_path: Path, number: Signals) -> None:
    with Service(tmp_path / "data") as service:
        with Load(service, padding=2000) as load:
            load.wait_acknowledged(100)
            began = time.monotonic()
            assert service.stop(number) == 0
            assert time.monotonic() - began < WITHIN
        assert service.printed[-1] == "marginlake stopped: everything received is in the lake"
        assert "Traceback" not in service.log
        found = stored(service.data_dir)
        assert load.acknowledged <= found.keys() <= load.sent
        assert not (service.data_dir / "service.json").exists()
        healthy(service.data_dir)


def test_what_the_lake_cannot_take_in_time_is_in_the_journal_for_the_next_start(tmp_path: Path) -> None:
    with Service(tmp_path / "data") as service:
        body, spans = trace_body()
        with Grpc(service.grpc) as sender, nobody_writes(service.data_dir):
            assert sender.export(body).ok
            began = time.monotonic()
            assert service.stop() == 0
            assert time.monotonic() - began < WITHIN
        assert service.printed[-1] == "marginlake stopped: the rest is in the journal for the next start"
        assert stored(service.data_dir) == {}
        service.start()
        wait_stored(service.data_dir, set(spans))


def test_a_second_ctrl_c_does_not_wait(tmp_path: Path) -> None:
    with Service(tmp_path / "data") as service:
        body, spans = trace_body()
        with Grpc(service.grpc) as sender, nobody_writes(service.data_dir):
            assert sender.export(body).ok
            service.send(SIGINT)
            time.sleep(0.5)
            assert service.alive(), "it waits for the lake"
            began = time.monotonic()
            assert service.stop(SIGINT) == 130
            assert time.monotonic() - began < 1.5
        assert service.log == (
            "marginlake: stopped at once: what is not in the lake is in the journal for the next start\n"
        )
        service.start()
        wait_stored(service.data_dir, set(spans))


def test_a_second_sigterm_changes_nothing(tmp_path: Path) -> None:
    with Service(tmp_path / "data") as service:
        body, spans = trace_body()
        with Grpc(service.grpc) as sender:
            with nobody_writes(service.data_dir):
                assert sender.export(body).ok
                service.send(SIGTERM)
                time.sleep(0.5)
                service.send(SIGTERM)
                time.sleep(0.5)
            assert service.wait() == 0
        assert stored(service.data_dir).keys() == set(spans)
