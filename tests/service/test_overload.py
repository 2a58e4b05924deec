"""When the lake cannot keep up, senders are told to come again, and what was acknowledged is visible once it can."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.service.load import wait_stored
from tests.service.running import Service, healthy
from tests.service.sending import Grpc, Http, signal, trace_body

SETTINGS = """
[receiver]
max_backlog_mib = 1
retry_after_seconds = 7
[commit]
interval_seconds = 0.1
"""
PADDING = 100_000


@contextmanager
def nobody_writes(data_dir: Path) -> Iterator[None]:
    """Hold the lake's write lock, as another process that imports or maintains would."""
    with (data_dir / "write.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path / "data", SETTINGS) as running:
        yield running


def test_a_full_backlog_is_retryable_on_every_way_in_and_nothing_acknowledged_is_lost(service: Service) -> None:
    acknowledged: set[str] = set()
    with Grpc(service.grpc) as by_grpc, Http(service.http) as by_http:
        with nobody_writes(service.data_dir):
            for number in range(100):
                body, spans = trace_body(padding=PADDING)
                answer = by_grpc.export(body) if number % 2 else by_http.export(body)
                if not answer.ok:
                    break
                acknowledged.update(spans)
            assert 9 <= number < 15, "the backlog's bound is 1 MiB of requests of 100 kB"

            refusals = [
                by_grpc.export(body),
                by_grpc.export(body, gzip=True),
                by_http.export(body),
                by_http.export(body, gzip=True),
            ]
            assert [each.code for each in refusals] == ["UNAVAILABLE", "UNAVAILABLE", "503", "503"]
            assert {each.retry_after for each in refusals} == {7}
            assert all(each.status is not None and "journal bytes wait" in each.status.message for each in refusals)
            rest = by_http.signals([signal("key")])
            assert (rest.code, rest.retry_after) == ("503", 7)
            assert by_http.client.get("/healthz").status_code == 200
            metrics = by_http.client.get("/metrics").text
            assert 'marginlake_requests_refused_total{reason="overloaded"} 6.0' in metrics

        for send in (lambda: by_grpc.export(body), lambda: by_http.signals([signal("key")])):
            until = time.monotonic() + 20
            while not send().ok:
                assert time.monotonic() < until, service.log
                time.sleep(0.05)
    wait_stored(service.data_dir, acknowledged | set(spans) | {"key:key"})
    assert service.stop() == 0
    healthy(service.data_dir)


def test_a_lake_locked_for_a_moment_delays_rows_and_nothing_else(service: Service) -> None:
    body, spans = trace_body()
    with Grpc(service.grpc) as sender, nobody_writes(service.data_dir):
        began = time.monotonic()
        assert sender.export(body).ok
        assert time.monotonic() - began < 5
        time.sleep(1)
    wait_stored(service.data_dir, set(spans))
    assert service.log == ""
