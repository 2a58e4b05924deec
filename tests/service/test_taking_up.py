"""While the service takes up its key directory it acknowledges requests already, and says that it is not ready."""

import socket
import threading
from pathlib import Path

import httpx
import pytest

from lake.connect import Lake
from lake.errors import LakeLockedError
from lake.read import query
from marginlake.config import Config
from marginlake.service import Service
from tests.service.sending import trace_body

OPEN = {"anonymous": "loopback"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_requests_are_taken_before_it_is_ready_and_land_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()
    original = Lake.remember_keys

    def slow(lake: Lake) -> None:
        begun.set()
        assert go_on.wait(60)
        original(lake)

    monkeypatch.setattr(Lake, "remember_keys", slow)
    http = f"127.0.0.1:{free_port()}"
    service = Service(tmp_path, Config(receiver={"grpc": "127.0.0.1:0", "http": http}, auth=OPEN))
    starting = threading.Thread(target=service.start)
    starting.start()
    try:
        assert begun.wait(60)
        body, spans = trace_body()
        sent = httpx.post(
            f"http://{http}/v1/traces", content=body, headers={"content-type": "application/x-protobuf"},
            trust_env=False,
        )  # fmt: skip
        assert sent.status_code == 200
        assert httpx.get(f"http://{http}/readyz", trust_env=False).status_code == 503
        assert query(tmp_path, "SELECT count(*) FROM spans").item() == 0
        go_on.set()
        starting.join(60)
        assert httpx.get(f"http://{http}/readyz", trust_env=False).status_code == 200
    finally:
        go_on.set()
        starting.join(60)
        assert service.stop()
    assert query(tmp_path, "SELECT count(*) FROM spans").item() == len(spans)


def test_a_lake_that_is_busy_does_not_keep_it_from_starting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(lake: Lake) -> None:
        raise LakeLockedError("another process writes")

    monkeypatch.setattr(Lake, "remember_keys", busy)
    service = Service(tmp_path, Config(receiver={"grpc": "127.0.0.1:0", "http": "127.0.0.1:0"}, auth=OPEN))
    service.start()
    assert service.ready()
    assert service.stop()


def test_a_failure_while_it_takes_up_ends_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(lake: Lake) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Lake, "remember_keys", broken)
    http = f"127.0.0.1:{free_port()}"
    service = Service(tmp_path, Config(receiver={"grpc": "127.0.0.1:0", "http": http}, auth=OPEN))
    with pytest.raises(OSError, match="Input/output"):
        service.start()
    service.close()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://{http}/readyz", trust_env=False)
