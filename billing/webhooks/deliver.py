"""Delivery from the outbox: at least once, in order per object, by a thread with a few helpers.

A message is claimed for a while, sent, and settled; whoever dies between leaves a claim that runs out. It waits for
those before it about the same object to the same address; one that was given up holds up nothing any more.
"""

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import Select, String, cast, delete, exists, or_, select, update
from sqlalchemy.orm import Session, aliased

from billing.context import Billing
from billing.tables.webhooks import WebhookEndpoint, WebhookMessage
from billing.trouble import attempt
from billing.webhooks.addresses import WebhookSettings
from billing.webhooks.post import Answer, post
from billing.webhooks.retry import next_attempt
from billing.webhooks.secrets import current_secrets
from billing.webhooks.signing import headers

log = structlog.get_logger()

AGENT: Final = "marginlake-webhooks/1"
KEEP_DELIVERED: Final = timedelta(days=30)
WORKERS: Final = 8
PER_ADDRESS: Final = 4
_GONE: Final = 410
_POLL_SECONDS: Final = 1.0
_CLAIM_SPARE: Final = timedelta(seconds=60)
_PRUNE_EVERY: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Sending:
    """A claimed message and all that it takes to send it."""

    id: str
    name: str
    url: str
    body: bytes = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


def claim(
    session: Session,
    now: datetime,
    settings: WebhookSettings,
    limit: int = WORKERS,
    busy: Mapping[str, int] | None = None,
) -> list[Sending]:
    """Messages that are due and that nothing before them holds up; theirs who calls, until the claim runs out.

    busy: how many are under way to each address already; PER_ADDRESS of them are the most, so that a receiver that
    is slow holds up no other.
    """
    secrets = tuple(current_secrets(session, now))
    if not secrets:
        return []
    under_way = Counter(busy or {})
    full = [url for url, count in under_way.items() if count >= PER_ADDRESS]
    claimed = []
    for message, url in session.execute(_due(now, full).limit(limit)):
        if under_way[url] >= PER_ADDRESS:
            continue
        under_way[url] += 1
        message.claimed_until = now + timedelta(seconds=settings.timeout) + _CLAIM_SPARE
        claimed.append(Sending(message.id, message.name, url, message.body.encode(), secrets))
    return claimed


def _due(now: datetime, not_to: Sequence[str]) -> Select[WebhookMessage, str]:
    earlier, its = aliased(WebhookMessage), aliased(WebhookEndpoint)
    waits = (
        exists()
        .where(earlier.object_id == WebhookMessage.object_id, earlier.version < WebhookMessage.version)
        .where(earlier.state == "pending", its.name == earlier.name)
        .where(its.enabled, its.url == WebhookEndpoint.url)
    )
    return (
        select(WebhookMessage, cast(WebhookEndpoint.url, String))
        .join(WebhookEndpoint, WebhookEndpoint.name == WebhookMessage.name)
        .where(WebhookMessage.state == "pending", WebhookMessage.next_attempt_at <= now)
        .where(or_(WebhookMessage.claimed_until.is_(None), WebhookMessage.claimed_until <= now))
        .where(WebhookEndpoint.enabled, WebhookEndpoint.url.is_not(None), WebhookEndpoint.url.not_in(not_to), ~waits)
        .order_by(WebhookMessage.next_attempt_at, WebhookMessage.object_id, WebhookMessage.version)
        .with_for_update(of=WebhookMessage, skip_locked=True)
    )


def send(sending: Sending, now: datetime, settings: WebhookSettings) -> Answer:
    """Send one message, signed as of now. Raises nothing."""
    signed = headers(sending.secrets, sending.id, now, sending.body)
    return post(
        sending.url, {"content-type": "application/json", "user-agent": AGENT, **signed}, sending.body, settings
    )


def settle(session: Session, sending: Sending, answer: Answer, now: datetime) -> None:
    """Write down what came of an attempt: delivered, to be tried again, or given up."""
    note_outcome(session, sending.name, answer, now)
    message = session.get_one(WebhookMessage, sending.id, with_for_update=True)
    if message.state != "pending":  # a claim ran out, and somebody else was quicker
        return
    message.attempts += 1
    message.claimed_until = None
    message.first_attempt_at = message.first_attempt_at or now
    message.last_attempt_at = now
    message.response_status, message.response_body, message.error = answer.status, answer.body, answer.error
    if answer.ok:
        message.state = "delivered"
        return
    again = None if answer.status == _GONE else next_attempt(message.attempts, message.first_attempt_at, now)
    if again is None:
        message.state = "dead"
        log.warning("webhook given up", message=message.id, of=message.name, error=answer.error)
    else:
        message.next_attempt_at = again


def note_outcome(session: Session, name: str, answer: Answer, now: datetime) -> None:
    """The endpoint's last outcome; no change of its settings, hence none of the audit log."""
    status = "success" if answer.ok else "failed"
    session.execute(
        update(WebhookEndpoint).where(WebhookEndpoint.name == name).values(last_sent_at=now, last_status=status)
    )


def prune(session: Session, now: datetime) -> None:
    """Forget what was delivered long ago. Dead letters stay."""
    session.execute(
        delete(WebhookMessage).where(
            WebhookMessage.state == "delivered", WebhookMessage.last_attempt_at < now - KEEP_DELIVERED
        )
    )


class Deliverer:
    """Delivers while it runs. `start` and `stop` once each; several, also in other processes, do not get in the way."""

    def __init__(self, billing: Billing, settings: WebhookSettings | None = None) -> None:
        self._billing = billing
        self._settings = settings or billing.webhooks
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._under_way: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="webhook")
        self._pruned_at: datetime | None = None

    def start(self) -> None:
        """Begin in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """No new attempts; waits for those under way, which end within the timeout."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(_POLL_SECONDS * 10)
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            if not attempt(self._turn, "webhook delivery failed; it is tried again"):
                self._wake.wait(_POLL_SECONDS)

    def _turn(self) -> None:
        started = self._start_due()
        self._prune()
        if not started:
            self._wake.wait(_POLL_SECONDS)

    def _start_due(self) -> int:
        with self._lock:
            busy = Counter(self._under_way)
        free = WORKERS - busy.total()
        if free <= 0:
            return 0
        now = self._billing.clock()
        claimed = self._billing.database.write(lambda session: claim(session, now, self._settings, free, busy))
        for sending in claimed:
            with self._lock:
                self._under_way[sending.url] += 1
            self._pool.submit(self._deliver, sending)
        return len(claimed)

    def _deliver(self, sending: Sending) -> None:
        attempt(
            lambda: deliver(self._billing, sending, self._settings),
            "webhook not settled; it is sent again",
            message=sending.id,
        )
        with self._lock:
            self._under_way[sending.url] -= 1
        self._wake.set()

    def _prune(self) -> None:
        now = self._billing.clock()
        if self._pruned_at is None or now - self._pruned_at >= _PRUNE_EVERY:
            self._billing.database.write(lambda session: prune(session, now))
            self._pruned_at = now


def deliver_due(billing: Billing, settings: WebhookSettings) -> int:
    """One round without threads: what is due and first in its line, once. How many were tried."""
    now = billing.clock()
    claimed = billing.database.write(lambda session: claim(session, now, settings))
    for sending in claimed:
        deliver(billing, sending, settings)
    return len(claimed)


def deliver(billing: Billing, sending: Sending, settings: WebhookSettings) -> None:
    """Send a claimed message and write down what came of it."""
    answer = send(sending, billing.clock(), settings)
    now = billing.clock()
    billing.database.write(lambda session: settle(session, sending, answer, now))
