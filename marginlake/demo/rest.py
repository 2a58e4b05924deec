"""Signals by REST: `POST /api/v2/signals/bulk`, with nothing but the standard library."""

import json
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass

from marginlake.demo.plan import Signal

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Answer:
    """What the endpoint counted."""

    ingested: int
    duplicates: int
    failed: int


def body(signal: Signal) -> dict[str, object]:
    """One signal as the endpoint takes it: nested customer and product, an RFC 3339 time, the data, the retry key."""
    content: dict[str, object] = {
        "eventName": signal.event,
        "customer": {"externalCustomerId": signal.customer},
        "attribution": {"externalProductId": signal.product},
        "data": signal.data,
    }
    if signal.at is not None:
        content["timestamp"] = signal.at.isoformat()
    if signal.idempotency_key is not None:
        content["idempotencyKey"] = signal.idempotency_key
    return content


def post_signals(address: str, signals: Sequence[Signal]) -> Answer:
    """Post signals in one request to `host:port`. Raises OSError (urllib's) when the service does not take it."""
    request = urllib.request.Request(
        f"http://{address}/api/v2/signals/bulk",
        data=json.dumps({"signals": [body(signal) for signal in signals]}).encode(),
        headers={"Content-Type": "application/json"},
        method="POST",
    )
    with _DIRECT.open(request, timeout=15) as response:
        answer = json.load(response)
    return Answer(answer["ingested"], answer["duplicates"], answer["failed"])
