"""Load on an OTLP/gRPC receiver: `python -m benchmarks.loadgen HOST:PORT --seconds 10 [--rate 5000]`.

Without `--rate` every connection sends its next request as soon as the last one is acknowledged (closed loop: the most
that the receiver takes). With `--rate` requests fall due on a fixed schedule whether or not the receiver keeps up (open
loop), and latency counts from when a request was due. UNAVAILABLE is retried after the delay the receiver asks for.
"""

import argparse
import json
import math
import os
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import grpc
from google.rpc.error_details_pb2 import RetryInfo
from grpc_status import rpc_status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from benchmarks.payloads import SPANS, Template, templates
from benchmarks.spans import CALLS_PER_TRACE, SIGNALS_PER_TRACE, SPANS_PER_TRACE

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_OPTIONS = (
    ("grpc.max_send_message_length", 128 << 20),
    ("grpc.max_receive_message_length", 16 << 20),
    ("grpc.use_local_subchannel_pool", 1),  # otherwise all channels would share one connection
    ("grpc.enable_http_proxy", 0),
)
_GIVE_UP_SECONDS = 60.0
_DEFAULT_DELAY_SECONDS = 1.0
_TEMPLATES = 4


@dataclass(slots=True)
class Load:
    """What happened. Times are nanoseconds of this machine's monotonic clock, latencies milliseconds.

    `acks` holds (time, spans acknowledged by then) at every acknowledgement.
    """

    spans: int = 0
    requests: int = 0
    payload_bytes: int = 0
    rejected_spans: int = 0
    failed_requests: int = 0
    retries: int = 0
    first_send: int = 0
    last_ack: int = 0
    latency_ms: dict[str, float] = field(default_factory=dict)
    acks: list[tuple[int, int]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """From the first request sent to the last acknowledgement."""
        return max(self.last_ack - self.first_send, 1) / 1e9

    @property
    def spans_per_second(self) -> float:
        """Spans acknowledged per second."""
        return self.spans / self.seconds


class Schedule:
    """Hands out due times: the n-th request at n x 512 / rate seconds; without a rate, now. None when time is up."""

    def __init__(self, seconds: float, rate: float | None) -> None:
        self._lock = threading.Lock()
        self._number = 0
        self._gap_ns = None if rate is None else SPANS / rate * 1e9
        self.start = time.monotonic_ns()
        self.end = self.start + round(seconds * 1e9)

    def next(self) -> int | None:
        """The due time of the next request."""
        if self._gap_ns is None:
            now = time.monotonic_ns()
            return now if now < self.end else None
        with self._lock:
            due = self.start + round(self._number * self._gap_ns)
            self._number += 1
        return due if due < self.end else None


@dataclass(slots=True)
class _Log:
    """What one connection saw: (sent, acknowledged, due) in nanoseconds per request."""

    requests: list[tuple[int, int, int]] = field(default_factory=list)
    payload_bytes: int = 0
    rejected: int = 0
    failed: int = 0
    retries: int = 0
    errors: set[str] = field(default_factory=set)


def run(target: str, *, seconds: float, rate: float | None, connections: int, seed: int = 1) -> Load:
    """Send for `seconds` over `connections` connections, at `rate` spans/s or as fast as acknowledged."""
    ready = [templates(_TEMPLATES, seed * 100 + number) for number in range(connections)]
    logs = [_Log() for _ in range(connections)]
    channels = [grpc.insecure_channel(target, options=_OPTIONS) for _ in range(connections)]
    for channel in channels:
        grpc.channel_ready_future(channel).result(timeout=10)
    schedule = Schedule(seconds, rate)
    threads = [
        threading.Thread(target=_connection, args=(channel, each, schedule, log, rate is None))
        for channel, each, log in zip(channels, ready, logs, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for channel in channels:
        channel.close()
    return summary(logs)


def summary(logs: list[_Log]) -> Load:
    """Put the logs of all connections together."""
    done = sorted((request for log in logs for request in log.requests), key=lambda request: request[1])
    load = Load(
        spans=len(done) * SPANS - sum(log.rejected for log in logs),
        requests=len(done),
        payload_bytes=sum(log.payload_bytes for log in logs),
        rejected_spans=sum(log.rejected for log in logs),
        failed_requests=sum(log.failed for log in logs),
        retries=sum(log.retries for log in logs),
        errors=sorted(set().union(*(log.errors for log in logs)))[:5],
    )
    if done:
        load.first_send = min(sent for sent, _, _ in done)
        load.last_ack = done[-1][1]
        load.acks = [(acked, (number + 1) * SPANS) for number, (_, acked, _) in enumerate(done)]
        load.latency_ms = percentiles([(acked - due) / 1e6 for _, acked, due in done])
    return load


def percentiles(values: list[float]) -> dict[str, float]:
    """p50, p95, p99 (nearest rank) and max."""
    ordered = sorted(values)
    ranks = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
    found = {name: ordered[math.ceil(share * len(ordered)) - 1] for name, share in ranks.items()}
    return found | {"max": ordered[-1]}


def _connection(channel: grpc.Channel, ready: list[Template], schedule: Schedule, log: _Log, closed_loop: bool) -> None:
    """Send what falls due on one connection until the schedule ends."""
    export = channel.unary_unary(EXPORT)
    turn = 0
    while (due := schedule.next()) is not None:
        payload = ready[turn % len(ready)].fill()
        turn += 1
        if closed_loop:
            due = time.monotonic_ns()
        elif (wait := due - time.monotonic_ns()) > 0:
            time.sleep(wait / 1e9)
        _send(export, payload, due, log)


def _send(export: grpc.UnaryUnaryMultiCallable, payload: bytes, due: int, log: _Log) -> None:
    """Send one request until it is acknowledged or refused for good."""
    sent = time.monotonic_ns()
    while True:
        try:
            answer = export(payload, timeout=30)
        except grpc.RpcError as error:
            delay = _retry_delay(error)
            if delay is None or time.monotonic_ns() - sent > _GIVE_UP_SECONDS * 1e9:
                log.failed += 1
                log.errors.add(f"{error.code().name}: {error.details()}")
                return
            log.retries += 1
            time.sleep(delay)
            continue
        log.requests.append((sent, time.monotonic_ns(), due))
        log.payload_bytes += len(payload)
        if answer:
            log.rejected += ExportTraceServiceResponse.FromString(answer).partial_success.rejected_spans
        return


def _retry_delay(error: grpc.RpcError) -> float | None:
    """Seconds to wait before a retry; None when the specification says not to."""
    status = rpc_status.from_call(error)
    for detail in status.details if status is not None else ():
        info = RetryInfo()
        if detail.Unpack(info):
            return float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
    return _DEFAULT_DELAY_SECONDS if error.code() is grpc.StatusCode.UNAVAILABLE else None


def main() -> None:
    """Command line: prints a summary, or writes everything as JSON."""
    parser = argparse.ArgumentParser(prog="benchmarks.loadgen", description="Load on an OTLP/gRPC receiver.")
    parser.add_argument("target", help="HOST:PORT of the receiver")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rate", type=float, help="spans per second (open loop); default: as fast as acknowledged")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--seed", type=int, default=os.getpid())
    parser.add_argument("--json", type=Path, help="write the whole result to this file")
    options = parser.parse_args()
    load = run(
        options.target,
        seconds=options.seconds,
        rate=options.rate,
        connections=options.connections,
        seed=options.seed,
    )
    if options.json:
        options.json.write_text(json.dumps(asdict(load)))
    latency = ", ".join(f"{name} {value:.1f} ms" for name, value in load.latency_ms.items())
    traces = load.spans // SPANS_PER_TRACE
    print(
        f"{load.spans:,} spans ({traces * CALLS_PER_TRACE:,} calls, {traces * SIGNALS_PER_TRACE:,} signals) "
        f"acknowledged in {load.seconds:.1f} s: {load.spans_per_second:,.0f} spans/s, "
        f"{load.payload_bytes / 1e6 / load.seconds:,.0f} MB/s; ack {latency}; "
        f"{load.retries} retries, {load.failed_requests} failed, {load.rejected_spans} rejected"
    )
    for error in load.errors:
        print(f"  {error}")
    sys.exit(1 if load.failed_requests or not load.spans else 0)


if __name__ == "__main__":
    main()
