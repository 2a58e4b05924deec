"""`/metrics` of a running service: what docs/metrics.md says, true figures, few series however many customers."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from lake.read import query
from tests.receiver.otlp_payloads import payload, span
from tests.service.running import Service
from tests.service.sending import Http

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| (.*?) \| (.+) \|$", re.MULTILINE)
CUSTOMERS = 1000
TOP = 3
SETTINGS = f"""
[commit]
interval_seconds = 0.1
[metrics]
interval_seconds = 1
top = {TOP}
[maintenance]
interval_minutes = 0.1
[[revenue]]
event = "answered"
unit_price_usd = "0.5"
[[alert]]
name = "any cost"
kind = "daily_cost_above"
above = 0
each = "customer"
severity = "critical"
[alerts]
interval_minutes = 0.02
"""
Families = dict[str, Metric]


def scrape(address: str) -> Families:
    text = httpx.get(f"http://{address}/metrics", trust_env=False).text
    return {family.name: family for family in text_string_to_metric_families(text)}


def requests() -> Iterator[bytes]:
    """A call and an event for each of many customers, of many products and models; one span is broken."""
    begun = time.time_ns() - 10**9
    spans = []
    for number in range(CUSTOMERS):
        trace_id, parent = (number + 1).to_bytes(16, "big"), (number + 1).to_bytes(8, "big")
        whose: dict[str, object] = {"customer.id": f"customer-{number}", "product.id": f"product-{number % 50}"}
        call: dict[str, object] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o-mini" if number % 2 else f"house-model-{number % 40}",
            "gen_ai.usage.input_tokens": 1000,
            "gen_ai.usage.output_tokens": 0,
        }
        event: dict[str, object] = {"marginlake.signal.event_name": "answered", "marginlake.signal.cost_traced": True}
        spans.append(span(whose | event, trace_id=trace_id, span_id=parent, start_ns=begun, end_ns=begun + 1000))
        spans.append(
            span(
                whose | call,
                trace_id=trace_id,
                span_id=(number + 10**6).to_bytes(8, "big"),
                parent_span_id=parent,
                start_ns=begun,
                end_ns=begun + 1000,
            )
        )
    yield payload(*spans)
    yield payload(span({}, trace_id=bytes(16), span_id=b"12345678"))


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Families, Path]]:
    """What a service says once everything was counted."""
    with Service(tmp_path_factory.mktemp("metrics") / "data", SETTINGS) as service:
        with Http(service.http) as http:
            for body in requests():
                assert http.export(body).ok
        until = time.monotonic() + 60
        while True:
            families = scrape(service.http)
            counted = sum(value(families, "signals", window="month"))
            if counted == CUSTOMERS and sum(value(families, "alerts_firing")) and value(families, "upkeep_runs"):
                break
            assert time.monotonic() < until, f"{counted} of {CUSTOMERS}: {service.log[-2000:]}"
            time.sleep(0.3)
        yield families, service.data_dir


def value(families: Families, name: str, **labels: str) -> list[float]:
    """The values of the samples with these labels."""
    samples = families[f"marginlake_{name}"].samples
    return [
        sample.value
        for sample in samples
        if labels.items() <= sample.labels.items() and not sample.name.endswith("_created")
    ]


def rows() -> dict[str, tuple[str, str, str]]:
    return {name: (kind, labels, meaning) for name, kind, labels, meaning in ROW.findall(PAGE.read_text("utf-8"))}


def described(family: Metric) -> tuple[str, tuple[str, str, str]]:
    """A family as a row of the page."""
    samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
    labels = sorted({label for sample in samples for label in sample.labels} - {"le"})
    name = f"{family.name}_total" if family.type == "counter" else family.name
    return name, (family.type, ", ".join(f"`{label}`" for label in labels) or "-", family.documentation)


def test_the_page_has_every_metric_and_no_other(scraped: tuple[Families, Path]) -> None:
    said, found = rows(), dict(map(described, scraped[0].values()))
    found = {name: row for name, row in found.items() if not name.endswith("_created")}
    # no request was refused and no value is known, so these have no sample to read the labels from
    for name in ("marginlake_requests_refused_total", "marginlake_value_usd"):
        assert found[name][1] == "-"
        found[name] = (found[name][0], said[name][1], found[name][2])
    assert found == said


def test_a_thousand_customers_are_few_series(scraped: tuple[Families, Path]) -> None:
    families, _ = scraped
    for family in families.values():
        assert not any("customer" in text for sample in family.samples for text in sample.labels.values())
        if family.type == "gauge" and "upkeep" not in family.name:  # whose steps are ours, and few
            assert len(family.samples) <= 2 * (TOP + 1), family.name
    assert {sample.labels["product"] for sample in families["marginlake_signals"].samples} >= {"other"}
    assert len({sample.labels["model"] for sample in families["marginlake_calls"].samples}) == TOP + 1


def test_the_figures_are_those_of_the_lake(scraped: tuple[Families, Path]) -> None:
    families, data_dir = scraped
    truth = query(
        data_dir,
        "SELECT sum(revenue_usd), sum(linked_cost_usd), sum(unclaimed_cost_usd), sum(unpriced_calls) FROM margin_daily",
    ).row(0)
    names = ("revenue_usd", "linked_cost_usd", "unclaimed_cost_usd", "unpriced_calls")
    for name, exact in zip(names, truth, strict=True):
        assert sum(value(families, name, window="month")) == pytest.approx(float(exact)), name
    assert truth[1] > 0
    assert sum(value(families, "cost_usd", window="month")) == pytest.approx(float(truth[1] + truth[2]))
    assert sum(value(families, "calls", window="month")) == CUSTOMERS
    # among the others there are calls without a price, so what they leave is not known
    known = {sample.labels["product"] for sample in families["marginlake_margin_usd"].samples}
    assert "other" not in known
    assert len(value(families, "margin_known_usd", product="other")) == 2


def test_ingest_is_counted(scraped: tuple[Families, Path]) -> None:
    families, _ = scraped
    assert value(families, "spans_accepted") == [2 * CUSTOMERS]
    assert value(families, "spans_stored") == [2 * CUSTOMERS]
    assert value(families, "spans_rejected") == [1]
    assert value(families, "rejected", kind="span", reason="invalid_trace_id") == [1]
    assert value(families, "journal_lag_seconds") == [0]
    assert value(families, "journal_backlog_records") == [0]
    assert 0 < value(families, "freshness_seconds")[0] < 90
    counts = {sample.name: sample.value for family in families.values() for sample in family.samples}
    assert counts["marginlake_visible_seconds_count"] == 2
    assert 0 < counts["marginlake_visible_seconds_sum"] < 60
    assert counts["marginlake_fsync_seconds_count"] >= 1
    assert counts["marginlake_commit_seconds_count"] >= 1
    assert {sample.labels["what"] for sample in families["marginlake_disk_bytes"].samples} == {
        "journal", "archive", "lake",
    }  # fmt: skip
    assert value(families, "disk_bytes", what="lake")[0] > 10_000
    assert value(families, "upkeep_runs", step="figures", outcome="done")[0] >= 1
    assert not value(families, "upkeep_runs", outcome="failed")


def test_alerts_are_counted_by_severity_only(scraped: tuple[Families, Path]) -> None:
    families, data_dir = scraped
    assert value(families, "alerts_firing", severity="critical") == [100]
    assert query(data_dir, "SELECT count(*), count(DISTINCT customer_id) FROM alerts").row(0) == (100, 100)
