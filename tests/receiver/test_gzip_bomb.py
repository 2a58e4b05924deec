"""A gzip bomb takes no memory to speak of, over either transport: seen from outside, on a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest

from receiver.grpc_server import TRACE_SERVICE
from tests.receiver.receiving import gzip_bomb

REPOSITORY = Path(__file__).parents[2]
PLAIN_MIB = 512
ALLOWED_MIB = 64
"""The target's own limit is 8 MiB a request; the rest is room for allocators, not for a bomb."""


class Target:
    """The process under fire."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.receiver.bomb_target"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.grpc_port, self.http_port = (int(port) for port in self._line().split())

    def peak_mib(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self._line()) // 1024

    def close(self) -> None:
        self.process.communicate(timeout=20)

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()


@pytest.fixture
def target() -> Iterator[Target]:
    running = Target()
    yield running
    running.close()


def test_over_http(target: Target):
    before = target.peak_mib()
    bomb = gzip_bomb(PLAIN_MIB)
    with httpx.Client(base_url=f"http://127.0.0.1:{target.http_port}", timeout=60, trust_env=False) as client:
        for content_type in ("application/x-protobuf", "application/json"):
            headers = {"content-type": content_type, "content-encoding": "gzip"}
            assert client.post("/v1/traces", content=bomb, headers=headers).status_code == 413
    assert target.peak_mib() - before < ALLOWED_MIB


def test_over_grpc_packed_by_grpc_itself(target: Target):
    """The client compresses a real 512 MiB message, so the frame is marked as compressed as any exporter's is."""
    before = target.peak_mib()
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(f"127.0.0.1:{target.grpc_port}", options=options) as channel:
        export = channel.unary_unary(f"/{TRACE_SERVICE}/Export")
        with pytest.raises(grpc.RpcError) as refusal:
            export(bytes(PLAIN_MIB << 20), compression=grpc.Compression.Gzip, timeout=60)
    assert refusal.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "after decompression" in refusal.value.details()
    assert target.peak_mib() - before < ALLOWED_MIB
