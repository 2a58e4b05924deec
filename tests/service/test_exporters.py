"""A stock OpenTelemetry application in its own process, configured by the standard environment variables alone."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lake.read import query
from tests.service.running import ENVIRONMENT, Service, marginlake, sql

APP = Path(__file__).with_name("app.py")
REVENUE = """
[[revenue]]
event = "ticket_resolved"
unit_price_usd = "0.99"
"""
WITHIN = 3.0


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("exporters") / "data", REVENUE) as running:
        yield running


def run_app(customer: str, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, str(APP), customer],
        env=ENVIRONMENT | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("compression", ["plain", "gzip"])
@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_rows_are_visible_to_another_process_within_three_seconds(
    service: Service, protocol: str, compression: str
) -> None:
    address = service.grpc if protocol == "grpc" else service.http
    customer = f"{protocol} {compression}"
    run_app(
        customer,
        {
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{address}",
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20a-key,x-team=shop",
            "OTEL_SERVICE_NAME": "shop",
            **({"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"} if compression == "gzip" else {}),
        },
    )
    sent = time.monotonic()

    margin = "SELECT event_name, revenue_usd, cost_usd, margin_usd, model_calls, cost_status FROM event_margins"
    mine = f"{margin} WHERE customer_id = '{customer}'"
    while query(service.data_dir, mine).is_empty():  # in this process; a command takes a second to start
        assert time.monotonic() - sent < WITHIN
        time.sleep(0.05)
    rows = sql(service.data_dir, mine)

    # 2001 tokens in at 0.15 and 200 out at 0.60 dollars a million.
    assert rows == [
        {
            "event_name": "ticket_resolved",
            "revenue_usd": "0.990000000000",
            "cost_usd": "0.000420150000",
            "margin_usd": "0.989579850000",
            "model_calls": 2,
            "cost_status": "complete",
        }
    ]
    assert sql(service.data_dir, f"SELECT count(*) AS n FROM spans WHERE customer_id = '{customer}'") == [{"n": 3}]
    assert service.alive()


def test_every_format_answers_beside_the_running_service(service: Service) -> None:
    for format_, expected in [("csv", "n\n1\n"), ("json", '[{"n":1}]\n'), ("table", "n\n━\n1\n(1 rows)\n")]:
        answer = marginlake("sql", "SELECT 1 AS n", "--data", str(service.data_dir), "--format", format_)
        assert (answer.returncode, answer.stdout, answer.stderr) == (0, expected, "")
