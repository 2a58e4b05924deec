"""Signals accepted by REST with their debits, and how long a balance takes to read meanwhile.

The real service on an empty directory; processes that send signals in bulks of 100, each signal burning a credit, and
one that reads the customer's balance all the time. Once as fast as the answers come, once at the floor's rate, as a
user's load would be. The limit beside them: the same load of signals that no price is for, so that they are journaled
and land, and burn nothing. Each load begins when all of the one before is in the lake and debited; how long that took
is told. Exit code 1 when a balance is wrong afterwards.
"""

import argparse
import json
import multiprocessing
import random
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks import machine
from benchmarks.table import print_rows
from marginlake.demo.child import ServiceProcess

RESULTS = Path(__file__).parent / "results" / "billing.json"
BULK = 100
FLOOR_SIGNALS = 5_000
FLOOR_READ_MS = 50
GRANTED = 100_000_000
_SENDERS = 8
_BETWEEN_READS = 0.01
_PATIENCE_SECONDS = 60.0
_SETTLE_SECONDS = 2.0
_BACKLOG = re.compile(r"^marginlake_journal_backlog_records (\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Phase:
    """What one load came to. Latencies are in seconds, ascending."""

    signals: int
    seconds: float
    answers: Sequence[float]
    reads: Sequence[float]
    cpu_seconds: float
    drained: float


def main() -> int:
    """Run everything; returns the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks.bench_billing", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each load")
    parser.add_argument("--quick", action="store_true", help="5 seconds each")
    options = parser.parse_args()
    seconds = 5.0 if options.quick else options.seconds
    with tempfile.TemporaryDirectory(prefix="marginlake-bench-") as folder:
        directory = Path(folder)
        config = directory / "marginlake.toml"
        config.write_text("[auth]\nrequests_per_minute = 0\n")
        with ServiceProcess(directory / "data", config, directory / "service.log") as service:
            service.wait_ready()
            url = f"http://{service.http}"
            on_sale(url)
            measure(
                url, service.pid, "chat_message", 2.0
            )  # what is compiled and cached at first use is no steady state
            limit = measure(url, service.pid, "free_of_charge", seconds)
            before = balance(url)
            debited = measure(url, service.pid, "chat_message", seconds)
            paced = measure(url, service.pid, "chat_message", seconds, FLOOR_SIGNALS)
            burned, sent = before - balance(url), debited.signals + paced.signals
            service.stop()
    result = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine.describe(),
        "limit": shown(limit),
        "debited": shown(debited),
        "paced": shown(paced),
        "wrong": [] if burned == sent else [f"{sent} signals burned {burned} credits"],
    }
    print_result(result)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    return 1 if result["wrong"] else 0


def on_sale(url: str) -> None:
    """A customer with credits on an order whose messages burn one each."""
    with httpx.Client(base_url=f"{url}/api/v2", timeout=30) as client:

        def post(path: str, body: dict[str, Any], method: str = "POST") -> dict[str, Any]:
            answer = client.request(method, path, json=body)
            answer.raise_for_status()
            found: dict[str, Any] = answer.json()
            return found

        currency = post("/credits/currencies", {"name": "Chat", "key": "chat"})["id"]
        product = post("/products/", {"name": "Bot", "externalId": "bot"})["id"]
        message = {
            "pricingType": "UsagePrepaidCredits",
            "eventName": "chat_message",
            "creditsCurrencyId": currency,
            "creditCost": 1,
        }
        post(f"/products/{product}", {"productAttributes": [{"name": "Message", "pricing": message}]}, "PUT")
        customer = post("/customers/", {"name": "Acme", "externalId": "acme"})["id"]
        order = post("/orders/", {"customerId": customer, "currency": "USD", "lines": [{"productId": product}]})["id"]
        post(f"/orders/{order}/activate", {})
        post(f"/customers/{customer}/credits/grants", {"creditCurrencyKey": "chat", "amount": GRANTED})


def balance(url: str) -> int:
    """The credits that are left."""
    answer = httpx.get(f"{url}/api/v2/customers/external/acme/credits/balances", timeout=30)
    return int(sum(each["available"] for each in answer.raise_for_status().json()["data"]))


def measure(url: str, pid: int, event: str, seconds: float, rate: float | None = None) -> Phase:
    """Send signals of one name from some processes, at most `rate` a second in all, while another reads the balance."""
    sent: Queue[tuple[int, list[float]]] = multiprocessing.Queue()
    read: Queue[list[float]] = multiprocessing.Queue()
    processes = [multiprocessing.Process(target=send, args=(url, event, seconds, rate, sent)) for _ in range(_SENDERS)]
    processes.append(multiprocessing.Process(target=look, args=(url, seconds, read)))
    service = psutil.Process(pid)
    began, before = time.monotonic(), service.cpu_times()
    for process in processes:
        process.start()
    told = [sent.get(timeout=seconds + 60) for _ in range(_SENDERS)]
    took, after = time.monotonic() - began, service.cpu_times()
    reads = read.get(timeout=60)
    for process in processes:
        process.join(30)
    drained = wait_drained(url)
    return Phase(
        signals=sum(count for count, _ in told),
        seconds=took,
        answers=sorted(latency for _, latencies in told for latency in latencies),
        reads=sorted(reads),
        cpu_seconds=after.user + after.system - before.user - before.system,
        drained=drained,
    )


def wait_drained(url: str) -> float:
    """Wait until the lake has all that came, and a moment for whoever follows it; the seconds that the first took."""
    began = time.monotonic()
    while time.monotonic() - began < _PATIENCE_SECONDS:
        found = _BACKLOG.search(httpx.get(f"{url}/metrics", timeout=30).text)
        if found is not None and float(found[1]) == 0:
            took = time.monotonic() - began
            time.sleep(_SETTLE_SECONDS)
            return took
        time.sleep(0.1)
    raise RuntimeError(f"the service was still behind after {_PATIENCE_SECONDS:.0f} s")


def send(url: str, event: str, seconds: float, rate: float | None, told: "Queue[tuple[int, list[float]]]") -> None:
    """One process that sends bulks, each as soon as the one before is answered; at a rate, not before its time."""
    signal = {
        "eventName": event,
        "customer": {"externalCustomerId": "acme"},
        "attribution": {"externalProductId": "bot"},
        "data": {"quantity": 1, "channel": "web"},
    }
    body = json.dumps({"signals": [signal] * BULK}).encode()
    every = 0.0 if rate is None else BULK * _SENDERS / rate
    start = time.monotonic() + every * random.random()
    count, latencies, until = 0, [], start + seconds
    with httpx.Client(base_url=url, timeout=60, headers={"content-type": "application/json"}) as client:
        while time.monotonic() < until:
            time.sleep(max(0.0, start + len(latencies) * every - time.monotonic()))
            began = time.perf_counter()
            client.post("/api/v2/signals/bulk", content=body).raise_for_status()
            latencies.append(time.perf_counter() - began)
            count += BULK
    told.put((count, latencies))


def look(url: str, seconds: float, told: "Queue[list[float]]") -> None:
    """One process that reads the balance over and over."""
    latencies, until = [], time.monotonic() + seconds
    with httpx.Client(base_url=url, timeout=60) as client:
        while time.monotonic() < until:
            began = time.perf_counter()
            client.get("/api/v2/customers/external/acme/credits/balances").raise_for_status()
            latencies.append(time.perf_counter() - began)
            time.sleep(_BETWEEN_READS)
    told.put(latencies)


def shown(phase: Phase) -> dict[str, float]:
    """The figures of a load."""
    return {
        "signals_per_second": round(phase.signals / phase.seconds),
        "cpu_us_per_signal": round(1e6 * phase.cpu_seconds / max(1, phase.signals), 1),
        **{f"answer_{name}_ms": at(phase.answers, share) for name, share in (("p50", 0.5), ("p99", 0.99))},
        **{f"read_{name}_ms": at(phase.reads, share) for name, share in (("p50", 0.5), ("p99", 0.99))},
        "reads": len(phase.reads),
        "drained_seconds": round(phase.drained, 1),
    }


def at(latencies: Sequence[float], share: float) -> float:
    """A quantile in milliseconds."""
    return round(1e3 * latencies[min(len(latencies) - 1, int(share * len(latencies)))], 1) if latencies else 0.0


def print_result(result: dict[str, Any]) -> None:
    """The figures as a table, and whether the floors are met."""
    about = result["machine"]
    print(f"{result['date']} · {about['cpu']}, {about['cores']} cores shared with the clients\n")
    limit, debited, paced = result["limit"], result["debited"], result["paced"]
    names = {
        "signals_per_second": "signals/s accepted (bulks of 100)",
        "cpu_us_per_signal": "CPU of the service a signal, µs",
        "answer_p50_ms": "a bulk's answer p50, ms",
        "answer_p99_ms": "p99, ms",
        "read_p50_ms": "a balance read p50, ms",
        "read_p99_ms": "p99, ms",
        "reads": "balances read",
        "drained_seconds": "until all was in the lake, s",
    }
    columns = {
        "as fast as it goes": debited,
        f"at {FLOOR_SIGNALS:,}/s": paced,
        "limit: no price, no debit": limit,
    }
    rows = [("", *columns), ("---", *["---:"] * len(columns))]
    rows += [(text, *(f"{each[name]:,}" for each in columns.values())) for name, text in names.items()]
    print_rows(rows)
    fast = debited["signals_per_second"] >= FLOOR_SIGNALS
    prompt = paced["read_p99_ms"] <= FLOOR_READ_MS
    print(
        f"Floors: {FLOOR_SIGNALS:,} signals/s {'met' if fast else 'MISSED'}, "
        f"p99 of a balance read under {FLOOR_SIGNALS:,} signals/s {FLOOR_READ_MS} ms {'met' if prompt else 'MISSED'}."
    )
    for line in result["wrong"]:
        print(f"WRONG: {line}")
    if not result["wrong"]:
        print("Checked: each signal burned one credit.")


if __name__ == "__main__":
    sys.exit(main())
