"""A random mixture of all of it, sent at once over every way in: the money adds up exactly, whatever the order."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.receiver.otlp_payloads import DIALECT_CAPTURES
from tests.service.load import stored
from tests.service.mixture import Sending, as_json, everything, spans_of
from tests.service.running import Service, healthy, marginlake, sql
from tests.service.sending import JSON, Grpc, Http

SENDERS = 3
REVENUE = """
[commit]
interval_seconds = 0.1
[[revenue]]
event = "answered"
unit_price_usd = "0.10"
"""
SUMS = """
SELECT (SELECT sum(cost_usd) FROM cost_links) AS linked,
       (SELECT sum(cost_usd) FROM costs WHERE status <> 'aggregate'
        AND cost_id NOT IN (SELECT cost_id FROM cost_links)) AS unclaimed,
       (SELECT sum(cost_usd) FROM costs WHERE status <> 'aggregate') AS billable
"""
RESULTS = {
    "costs": "SELECT * EXCLUDE (priced_at) FROM costs ORDER BY cost_id",
    "cost_links": "SELECT * FROM cost_links ORDER BY cost_id, signal_id",
    "event_margins": "SELECT * EXCLUDE (updated_at) FROM event_margins ORDER BY signal_id",
}


def send_all(service: Service, sendings: Sequence[Sending]) -> None:
    """Send everything from several threads; what is malformed is refused, all else is acknowledged."""

    def send(share: Sequence[Sending]) -> None:
        with Grpc(service.grpc) as by_grpc, Http(service.http) as by_http:
            for sending in share:
                if sending.way == "grpc":
                    answer = by_grpc.export(sending.body)
                elif sending.way == "http":
                    answer = by_http.export(sending.body)
                elif sending.way == "json":
                    answer = by_http.export(sending.body if sending.malformed else as_json(sending.body), JSON)
                else:
                    answer = by_http.export(sending.body, JSON, path="/api/v2/signals/bulk")
                assert answer.ok != sending.malformed, (sending, answer)

    with ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(send, [sendings[start::SENDERS] for start in range(SENDERS)]))


def outcome(directory: Path, sendings: Sequence[Sending]) -> dict[str, list[dict[str, Any]]]:
    """Send a mixture to a fresh service, check everything that must hold, and return what it worked out."""
    with Service(directory / "data", REVENUE) as service:
        send_all(service, sendings)
        assert service.stop() == 0
        while "everything received is in the lake" not in service.printed[-1]:  # a busy machine takes longer
            assert service.start().stop() == 0
    data_dir = service.data_dir

    names = stored(data_dir)
    assert {name for name in names if not name.startswith("key:")} == spans_of(sendings)
    assert set(names.values()) == {1}

    [sums] = sql(data_dir, SUMS)
    linked, unclaimed, billable = (Decimal(sums[name]) for name in ("linked", "unclaimed", "billable"))
    assert linked + unclaimed == billable
    assert min(linked, unclaimed) > 0
    rules = {row["rule"] for row in sql(data_dir, "SELECT DISTINCT rule FROM cost_links")}
    assert {"trace", "trace_split", "scope"} <= rules
    statuses = {row["status"] for row in sql(data_dir, "SELECT DISTINCT status FROM costs")}
    assert {"priced", "unpriced", "aggregate"} <= statuses

    healthy(data_dir)
    again = marginlake("relink", "--data", str(data_dir))
    assert again.returncode == 0, again.stderr
    assert again.stdout == "changed: 0 costs, 0 cost_links, 0 event_margins, 0 spans, 0 signals\n"
    return {name: sql(data_dir, question) for name, question in RESULTS.items()}


def test_every_dollar_is_there_once(tmp_path: Path) -> None:
    outcome(tmp_path, everything(7, DIALECT_CAPTURES[::3]))


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_another_order_over_other_ways_gives_the_same_tables(tmp_path: Path) -> None:
    first = outcome(tmp_path / "first", everything(8))
    for seed in (9, 10):
        assert outcome(tmp_path / str(seed), everything(seed)) == first
