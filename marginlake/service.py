"""The service: wires journal, servers, conveyor, lake and upkeep together, starts and stops them in order.

Starting: lock the journal, open the lake, listen, take up the lake's key directory and changed rules, then carry into
the lake what the journal holds beyond the lake's position, and be ready.
Stopping: stop listening, let running requests finish, carry the journal into the lake as far as time allows. What does
not make it is durable in the journal and is taken up at the next start.
"""

import errno
import json
import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import structlog

from lake.connect import Lake, first_line
from lake.errors import LakeLockedError
from marginlake.adoption import adopt, rules_in
from marginlake.alert_settings import alert_settings
from marginlake.alert_watch import AlertWatch
from marginlake.business import gate_of, has_keys, open_billing
from marginlake.config import MIB, Config
from marginlake.conveyor import Conveyor
from marginlake.direct_costs import DirectCosts
from marginlake.landing import land
from marginlake.memory import default_memory_limit
from marginlake.metering import Metering
from marginlake.metrics import ServiceMetrics
from marginlake.orders_watch import OrdersWatch
from marginlake.pipeline import Prepared
from marginlake.rest import RestApis
from marginlake.rules import Rules
from marginlake.storefront import Storefront
from marginlake.upkeep import Upkeep
from marginlake.value_watch import ValueWatch
from receiver.grpc_server import GrpcServer
from receiver.http_app import create_app
from receiver.http_server import HttpServer
from receiver.intake import Intake
from receiver.journal import Journal
from receiver.journal.record import Kind
from receiver.journal.timed import TimedDisk
from receiver.limits import Limits
from receiver.signals.from_rest import signals_from_rest
from receiver.signals.rest import contents_in

log = structlog.get_logger("service")

JOURNAL = "journal"
ARCHIVE = "archive"
STATE_FILE = "service.json"
STOP_SECONDS = 8.5
SERVER_GRACE_SECONDS = 2.0
METERING_STOP_SECONDS = 4.0
SLOW_START_SECONDS = 5.0


class Service:
    """One running service over one data directory. `start` once, then `stop` once."""

    def __init__(self, data_dir: Path, config: Config) -> None:
        """Open lake and journal, and lock the journal. Raises JournalError, LakeError, ConfigError or OSError."""
        self.data_dir = data_dir
        self.config = config
        alerts = alert_settings(config)
        data_dir.mkdir(parents=True, exist_ok=True)
        self.metrics = ServiceMetrics()
        self._rules_in_use = threading.Lock()
        limit = config.lake.memory_limit or default_memory_limit()
        self.lake = Lake.open(data_dir, memory_limit=limit, threads=config.lake.threads)
        try:
            self.rules: Rules = rules_in(self.lake, config, data_dir)
            position = self.lake.progress(JOURNAL) or 1
            self.journal = Journal(
                data_dir / JOURNAL,
                segment_bytes=config.journal.segment_mib * MIB,
                start_at=position,
                disk=TimedDisk(self.metrics.synced),
            )
        except BaseException:
            self.lake.close()
            raise
        self.conveyor = Conveyor(
            self.journal,
            position,
            lambda: self.rules,
            self._commit,
            interval_seconds=config.commit.interval_seconds,
            max_batch_bytes=config.commit.max_batch_mib * MIB,
            visible=self.metrics.visible,
        )
        self.intake = Intake(
            self.journal,
            limits=_limits(config),
            backlog=lambda: self.journal.backlog_bytes(self.conveyor.committed),
            seen=self._seen,
            metrics=self.metrics,
        )
        self.billing, live = open_billing(data_dir, config, self.lake)
        self.metering = Metering(self.billing, live)
        self.costs = DirectCosts(self.lake, self.intake, lambda: self.rules)
        self.billing.take_costs = self.costs.take
        self.values = ValueWatch(self.lake, config, data_dir, self.billing, lambda: self.rules, self._use_values)
        self.upkeep = Upkeep(
            self.lake,
            data_dir / JOURNAL,
            data_dir / ARCHIVE,
            config,
            lambda: self.conveyor.committed,
            lambda: self.rules,
            self.metrics.upkeep_ran,
            self.values.follow,
        )
        self.gate = gate_of(self.billing, config)
        self.orders = OrdersWatch(self.billing, self._earn_by)
        self.rest = RestApis(self.billing, self.gate, config, self.intake, self.metering)
        self.storefront = Storefront(self.billing)
        self.alerts = AlertWatch(self.lake, data_dir, config, alerts, self.metrics)
        self._grpc = GrpcServer(
            self.intake,
            config.receiver.grpc,
            authorize=self.gate.may_ingest,
            workers=config.receiver.grpc_workers,
        )
        app = create_app(
            self.intake,
            ready=self.ready,
            metrics=self.metrics.expose,
            authorize=self.gate.may_ingest,
            settle=self.metering.settle,
            routes=[*self.rest.routes, *self.storefront.routes],
        )
        self._http = HttpServer(app, config.receiver.http, grace=SERVER_GRACE_SECONDS)
        self._listening = threading.Event()
        self._watch()

    def start(self) -> tuple[str, str]:
        """Start everything; returns the addresses (HOST:PORT) of gRPC and HTTP. Raises ListenError."""
        self.metering.start()
        self._remember_signals(self.conveyor.committed)
        try:
            grpc_port = self._grpc.start()
            http_port = self._http.start()
            if self.config.billing.public_url is None:
                self.billing.public_url = f"http://{_with_port(self.config.receiver.http, http_port)}"
            self._take_up()
        except BaseException:
            self._grpc.stop(0)
            self._http.stop()
            raise
        self.conveyor.start()
        self._listening.set()
        self.upkeep.start()
        self.alerts.start()
        self.orders.start()
        self.storefront.start()
        self.rest.start()
        addresses = (_with_port(self.config.receiver.grpc, grpc_port), _with_port(self.config.receiver.http, http_port))
        state = {
            "pid": os.getpid(),
            "grpc": addresses[0],
            "http": addresses[1],
            "started_at": datetime.now(UTC).isoformat(),
        }
        # Whoever waits for the file must never read half of it.
        unfinished = self.data_dir / f"{STATE_FILE}.new"
        unfinished.write_text(json.dumps(state) + "\n", encoding="utf-8")
        unfinished.replace(self.data_dir / STATE_FILE)
        return addresses

    def _take_up(self) -> None:
        """Bring lake and memory up to where the first commit is as quick as any; requests are taken meanwhile."""
        began = time.monotonic()
        try:
            self.lake.remember_keys()
        except LakeLockedError as error:
            log.warning("key directory not taken up, the first commit will do it", error=str(error))
        took = time.monotonic() - began
        if took > SLOW_START_SECONDS:
            log.info("key directory taken up", seconds=round(took, 1))
        self.values.follow()
        changed = adopt(self.lake, self.config, self.rules)
        if changed:
            log.info("revenue rules changed: margins worked out again", events=changed)

    def stop(self) -> bool:
        """Drain and stop within ten seconds; True when everything acknowledged is in the lake."""
        deadline = time.monotonic() + STOP_SECONDS
        self._listening.clear()
        self._grpc.set_serving(serving=False)
        servers = threading.Thread(target=self._http.stop, daemon=True)
        servers.start()
        self._grpc.stop(SERVER_GRACE_SECONDS)
        servers.join(max(0.1, deadline - time.monotonic() - 4))
        self.rest.stop()
        # What needs no draining ends meanwhile: each may be in the middle of something.
        others = [self.storefront.stop, self.alerts.stop, self.orders.stop, self.upkeep.stop, self._stop_metering]
        ending = [threading.Thread(target=stop, daemon=True) for stop in others]
        for thread in ending:
            thread.start()
        drained = self.conveyor.drain(self.journal.durable_seq + 1, max(0.1, deadline - time.monotonic() - 1))
        for thread in ending:
            thread.join(max(0.1, deadline - time.monotonic() - 0.5))
        self.conveyor.stop(max(0.1, deadline - time.monotonic()))
        self.close()
        return drained

    def close(self) -> None:
        """Let go of journal and lake; the state file goes."""
        (self.data_dir / STATE_FILE).unlink(missing_ok=True)
        self._stop_metering()
        self.billing.database.close()
        self.journal.close()
        self.lake.close()

    def _stop_metering(self) -> None:
        self.metering.stop(METERING_STOP_SECONDS)

    def is_locked(self) -> bool:
        """Whether nobody is let in: no caller without a key, and there is none."""
        return self.config.auth.anonymous == "never" and not has_keys(self.billing)

    def ready(self) -> bool:
        """Whether requests are taken and commits succeed."""
        return self._listening.is_set() and self.conveyor.last_error is None

    def _earn_by(self, orders: Sequence[Mapping[str, Any]]) -> int:
        """Let events earn by what the orders say now; how many margins changed. Commits wait meanwhile."""
        with self._rules_in_use:
            found = rules_in(self.lake, self.config, self.data_dir, orders)
            self.rules = replace(found, events=replace(found.events, value=self.rules.events.value))
            return adopt(self.lake, self.config, self.rules)

    def _commit(self, prepared: Prepared, position: int) -> None:
        started = time.monotonic()
        try:
            with self._rules_in_use:
                landed = land(self.lake, prepared, self.rules, JOURNAL, position)
        except BaseException:
            self.metrics.commit_failed()
            raise
        self.metrics.committed(landed, time.monotonic() - started)
        self.metrics.rejected(prepared.rejected)
        self.intake.claims.committed(prepared.signals["signal_id"].to_list())
        self.costs.committed(prepared)
        self.metering.committed()

    def _use_values(self, rules: Rules) -> None:
        # Once this returns nothing lands under the model before any more, so that what is valued again stays so. Of the
        # rules only the model is taken: orders may have changed the others meanwhile.
        with self._rules_in_use:
            self.rules = replace(self.rules, events=replace(self.rules.events, value=rules.events.value))

    def _seen(self, signal_ids: list[str]) -> set[str]:
        wanted = pl.DataFrame({"signal_id": signal_ids}, schema={"signal_id": pl.String})
        try:
            with self.lake.looking_up() as tx:
                return set(tx.semi("signals", ["signal_id"], wanted, "signal_id")["signal_id"])
        except duckdb.Error as error:
            # For the receiver a lake that cannot be asked is a disk that cannot be read: the sender comes again.
            raise OSError(errno.EIO, f"the lake cannot be asked for known signals: {first_line(error)}") from error

    def _remember_signals(self, position: int) -> None:
        """Signals that are in the journal but not in the lake are known too."""
        while True:
            batch = self.journal.read_from(position, 32 * MIB)
            rest = [(record.payload, record.received_ns) for record in batch.records if record.kind is Kind.SIGNALS]
            if rest:
                self.intake.claims.remember(signals_from_rest(rest)[0]["signal_id"].to_list())
                self.metering.settle_again([content for payload, _ in rest for content in contents_in(payload)])
            if batch.next_seq == position:
                return
            position = batch.next_seq

    def _watch(self) -> None:
        watch = self.metrics.watch
        watch("journal_backlog_bytes", "Journal bytes that are not in the lake yet.", self._backlog)
        watch("journal_backlog_records", "Journal records that are not in the lake yet.", self._behind)
        watch("journal_lag_seconds", "Age of the oldest journal record that is not in the lake yet.", self._lag)
        watch("ready", "1 when requests are taken and commits succeed.", lambda: float(self.ready()))

    def _backlog(self) -> float:
        return float(self.journal.backlog_bytes(self.conveyor.committed))

    def _lag(self) -> float:
        oldest = self.conveyor.oldest_waiting_ns
        return 0.0 if oldest is None else max(0.0, (time.time_ns() - oldest) / 1e9)

    def _behind(self) -> float:
        return float(max(0, self.journal.durable_seq + 1 - self.conveyor.committed))


def _limits(config: Config) -> Limits:
    receiver = config.receiver
    return Limits(
        max_request_bytes=receiver.max_request_mib * MIB,
        max_in_flight_bytes=receiver.max_in_flight_mib * MIB,
        max_backlog_bytes=receiver.max_backlog_mib * MIB,
        retry_after_seconds=receiver.retry_after_seconds,
    )


def _with_port(address: str, port: int) -> str:
    host = address.rsplit(":", 1)[0]
    return f"{host}:{port}"
