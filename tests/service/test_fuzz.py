"""Random and mangled requests: never an answer that blames the service, never its end, never much memory."""

import gzip
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.receiver.otlp_payloads import DIALECT_CAPTURES
from tests.receiver.receiving import REST
from tests.service.load import wait_stored
from tests.service.mixture import as_json
from tests.service.running import Service, healthy
from tests.service.sending import Grpc, Http, trace_body

SECONDS = 25.0
MEMORY_MIB = 1500
"""What the service may take at most; DuckDB and Polars take some hundred by themselves."""

PATHS = ("/v1/traces", "/v1/traces", "/v1/traces/", "/v1/metrics", "/v1/logs", "/api/v2/signals/bulk", "/nowhere")
TYPES = ("application/x-protobuf", "application/json", "application/json; charset=utf-8", "text/plain", "", "a/b/c;;")
ENCODINGS = ("gzip", "identity", "", "br", "gzip, gzip")
BY_HTTP = {"200", "400", "404", "413", "415"}
BY_GRPC = {"OK", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "UNIMPLEMENTED"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def mangled(body: bytes, chance: random.Random) -> bytes:
    """The body with some of its bytes changed, cut out, doubled, or put elsewhere; now and then as it was."""
    content = bytearray(body)
    for _ in range(chance.choice((0, 1, 1, 2, 5, 30))):
        if not content:
            break
        at = chance.randrange(len(content))
        length = chance.choice((1, 1, 2, 8, 100))
        kind = chance.randrange(5)
        if kind == 0:
            content[at : at + length] = chance.randbytes(length)
        elif kind == 1:
            del content[at : at + length]
        elif kind == 2:
            content[at:at] = content[at : at + length]
        elif kind == 3:
            del content[at:]
        else:
            content[at] ^= 1 << chance.randrange(8)
    return bytes(content)


def material() -> list[bytes]:
    """What is mangled: requests as they were recorded, in both encodings, REST bodies, gzip, and nothing."""
    captures = [path.read_bytes() for path in DIALECT_CAPTURES]
    rest = [path.read_bytes() for path in REST.glob("*.json")]
    return [*captures, *map(as_json, captures[::4]), *rest, gzip.compress(captures[0]), b"", b"{}", b"\x00" * 4000]


def test_nothing_that_arrives_hurts(tmp_path: Path) -> None:
    bodies = material()
    codes: Counter[str] = Counter()
    failures: list[BaseException] = []
    until = time.monotonic() + SECONDS

    def keep(send: Callable[[random.Random], str], seed: int) -> None:
        chance = random.Random(seed)
        try:
            while time.monotonic() < until:
                codes[send(chance)] += 1
        except BaseException as error:
            failures.append(error)
            raise

    settings = "[receiver]\nmax_request_mib = 1\n[commit]\ninterval_seconds = 0.2\n"
    with Service(tmp_path / "data", settings) as service, Grpc(service.grpc) as by_grpc, Http(service.http) as by_http:

        def over_http(chance: random.Random) -> str:
            body = chance.randbytes(chance.randrange(2000)) if chance.random() < 0.1 else chance.choice(bodies)
            headers = {"content-type": chance.choice(TYPES[:2]), "content-encoding": "identity"}
            if chance.random() < 0.2:
                headers = {"content-type": chance.choice(TYPES), "content-encoding": chance.choice(ENCODINGS)}
            path = chance.choice(PATHS)
            answer = by_http.client.post(path, content=mangled(body, chance), headers=headers)
            assert str(answer.status_code) in BY_HTTP, (path, headers, answer.text)
            return str(answer.status_code)

        def over_grpc(chance: random.Random) -> str:
            body = bytes(1 << 21) if chance.random() < 0.01 else mangled(chance.choice(bodies), chance)
            answer = by_grpc.export(body, gzip=chance.random() < 0.3)
            assert answer.code in BY_GRPC, answer
            return answer.code

        threads = [threading.Thread(target=keep, args=work, daemon=True) for work in ((over_http, 1), (over_grpc, 2))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS + 60)
        assert failures == []
        assert {"OK", "INVALID_ARGUMENT", "200", "400"} <= codes.keys()

        body, spans = trace_body()
        assert by_grpc.export(body).ok
        wait_stored(service.data_dir, set(spans), timeout=60)
        assert peak_memory_mib(service.process.pid) < MEMORY_MIB
        assert service.stop() == 0
        assert "Traceback" not in service.log
    healthy(service.data_dir)


def peak_memory_mib(pid: int) -> float:
    """The most memory the process has had, as the kernel remembers it."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1024
