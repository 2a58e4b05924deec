"""Load from several threads, which know afterwards exactly what was acknowledged."""

import random
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from lake.read import query
from tests.service.running import Service
from tests.service.sending import Answer, Grpc, Http, signal, trace_body

ABANDONED = 0.2
"""Share of requests without an answer that are never sent again: nobody was promised anything about those."""

Request = tuple[Callable[[Grpc | Http], Answer], list[str]]
"""How to send a request, and the names of what is in it."""


class Load:
    """Sends traces over gRPC and HTTP, and REST signals, to a service that may die and come back at other addresses.

    A request that gets no answer, or is told to come again, is sent again until it is acknowledged (but for a few, and
    for all of them once the load is over and the service gone). `sent` and `acknowledged` name spans as `trace:span`
    and signals as `key:KEY`; `codes` counts what was answered.
    """

    def __init__(
        self, service: Service, *, seed: int = 0, pause: float = 0.01, padding: int = 0, traces_only: bool = False
    ) -> None:
        self._service = service
        self._pause = pause
        self._padding = padding
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.sent: set[str] = set()
        self.acknowledged: set[str] = set()
        self.codes: Counter[str] = Counter()
        self._errors: list[BaseException] = []
        workers: list[tuple[Callable[[], Grpc | Http], Callable[[], Request]]] = [
            (lambda: Grpc(service.grpc), self._traces),
            (lambda: Grpc(service.grpc), self._packed_traces),
            (lambda: Http(service.http), self._traces),
        ]
        if not traces_only:
            workers.append((lambda: Http(service.http), self._signals))
        self._threads = [
            threading.Thread(target=self._run, args=(connect, prepare, random.Random(f"{seed} {number}")), daemon=True)
            for number, (connect, prepare) in enumerate(workers)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Send no new requests; wait for the answers to those that are under way."""
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in self._threads)
        if error is None and self._errors:
            raise self._errors[0]

    def wait_acknowledged(self, more: int, timeout: float = 20.0) -> None:
        """Wait until that many more spans and signals were acknowledged."""
        wanted = len(self.acknowledged) + more
        until = time.monotonic() + timeout
        while len(self.acknowledged) < wanted:
            assert time.monotonic() < until, f"{len(self.acknowledged)} acknowledged, {wanted} wanted: {self.codes}"
            time.sleep(0.01)

    def _run(self, connect: Callable[[], Grpc | Http], prepare: Callable[[], Request], chance: random.Random) -> None:
        try:
            sender = connect()
            while not self._stop.is_set():
                if sender.address not in (self._service.grpc, self._service.http):
                    sender.close()
                    sender = connect()
                send, names = prepare()
                with self._lock:
                    self.sent.update(names)
                while not self._attempt(send, sender, names) and chance.random() >= ABANDONED:
                    if self._stop.is_set() and not self._service.alive():
                        break
                    if sender.address not in (self._service.grpc, self._service.http):
                        sender.close()
                        sender = connect()
                time.sleep(self._pause)
            sender.close()
        except BaseException as error:
            self._errors.append(error)
            raise

    def _attempt(self, send: Callable[[Grpc | Http], Answer], sender: Grpc | Http, names: list[str]) -> bool:
        answer = send(sender)
        with self._lock:
            self.codes[answer.code] += 1
            if answer.ok:
                self.acknowledged.update(names)
        if not answer.ok:
            time.sleep(0.05)
        return answer.ok

    def _traces(self) -> Request:
        body, spans = trace_body(padding=self._padding)
        return lambda sender: sender.export(body), spans

    def _packed_traces(self) -> Request:
        body, spans = trace_body(padding=self._padding)
        return lambda sender: sender.export(body, gzip=True), spans

    def _signals(self) -> Request:
        signals = [signal(secrets.token_hex(8)) for _ in range(3)]

        def send(sender: Grpc | Http) -> Answer:
            assert isinstance(sender, Http)
            return sender.signals(signals)

        return send, [f"key:{each['idempotencyKey']}" for each in signals]


_STORED = """
SELECT trace_id || ':' || span_id AS name, count(*) AS copies FROM spans GROUP BY 1
UNION ALL
SELECT 'key:' || idempotency_key, count(*) FROM signals WHERE source = 'api' GROUP BY 1
"""


def stored(data_dir: Path) -> dict[str, int]:
    """How often each span and REST signal is in the lake, by the names that `Load` uses."""
    return dict(query(data_dir, _STORED).iter_rows())


def wait_stored(data_dir: Path, acknowledged: set[str], timeout: float = 30.0) -> None:
    """Wait until everything acknowledged is in the lake; then assert that nothing is there twice."""
    until = time.monotonic() + timeout
    while missing := acknowledged - (found := stored(data_dir)).keys():
        assert time.monotonic() < until, f"{len(missing)} of {len(acknowledged)} acknowledged are not in the lake"
        time.sleep(0.2)
    assert {name: copies for name, copies in found.items() if copies != 1} == {}
