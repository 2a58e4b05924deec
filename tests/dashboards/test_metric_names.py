"""Dashboards over /metrics name only metrics that a running service has."""

import json
import re
import urllib.request
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from scripts.build_dashboards import built
from tests.service.running import Service

BUILT = built()
NAME = re.compile(r"\bmarginlake_[a-z0-9_]+")
DATADOG_NAME = re.compile(r"\bmarginlake\.([a-z0-9_]+)(\.count|\.sum)?")


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names of all samples, also of families that have none yet."""
    data = tmp_path_factory.mktemp("metrics") / "data"
    with Service(data) as service, urllib.request.urlopen(f"http://{service.http}/metrics", timeout=20) as answer:
        return names_of(answer.read().decode())


def names_of(text: str) -> set[str]:
    names = set()
    for family in text_string_to_metric_families(text):
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
        names |= {f"{family.name}{suffix}" for suffix in suffixes}
    return {name for name in names if name.startswith("marginlake_")}


def expressions() -> list[str]:
    panels: list[dict[str, Any]] = json.loads(BUILT["grafana/ingest-health.json"])["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", [])]


def test_prometheus_expressions_name_metrics_of_the_service(exposed: set[str]) -> None:
    asked = {name for expression in expressions() for name in NAME.findall(expression)}
    assert len(asked) >= 25
    assert asked - exposed == set()


def test_datadog_queries_name_the_same_metrics(exposed: set[str]) -> None:
    for name, side in datadog_names():
        counted = {f"marginlake_{name}_total", f"marginlake_{name}_count"}
        possible = {".count": counted, ".sum": {f"marginlake_{name}_sum"}}.get(side, {f"marginlake_{name}"})
        assert possible & exposed, f"marginlake.{name}{side}"


def datadog_names() -> set[tuple[str, str]]:
    return set(DATADOG_NAME.findall(" ".join(datadog_queries())))


def datadog_queries() -> list[str]:
    return [query["query"] for widget in leaves() for request in widget["requests"] for query in request["queries"]]


def leaves() -> list[dict[str, Any]]:
    groups = json.loads(BUILT["datadog/marginlake.json"])["widgets"]
    return [widget["definition"] for group in groups for widget in group["definition"]["widgets"]]


def test_expressions_are_balanced_and_rates_are_of_counters() -> None:
    for expression in expressions():
        for opening, closing in ("()", "[]", "{}"):
            assert expression.count(opening) == expression.count(closing), expression
        for rated in re.findall(r"(?:rate|increase)\((\w+)", expression):
            assert rated.endswith(("_total", "_bucket")), expression


# The form of Datadog's dashboards (api/v1/dashboard)


def test_the_datadog_dashboard_has_the_form_of_the_api() -> None:
    board = json.loads(BUILT["datadog/marginlake.json"])
    assert board.keys() == {"title", "description", "layout_type", "template_variables", "widgets"}
    assert board["layout_type"] == "ordered"
    for group in board["widgets"]:
        assert group["definition"].keys() == {"type", "layout_type", "title", "widgets"}
        assert (group["definition"]["type"], group["definition"]["layout_type"]) == ("group", "ordered")
    for widget in leaves():
        assert widget["type"] in {"timeseries", "query_value"}
        wanted = {"timeseries": "timeseries", "query_value": "scalar"}[widget["type"]]
        for request in widget["requests"]:
            assert request["response_format"] == wanted
            named = {query["name"] for query in request["queries"]}
            assert all(query["data_source"] == "metrics" for query in request["queries"])
            assert all(("aggregator" in query) == (wanted == "scalar") for query in request["queries"])
            used = {word for each in request["formulas"] for word in re.findall(r"[a-z]\w*", each["formula"])}
            assert used == named


def test_datadog_queries_have_the_form_of_metric_queries() -> None:
    metric, scope = r"(sum|min|max):marginlake\.[a-z_]+(\.count|\.sum)?", r"\{\$host(,window:day)?\}"
    form = re.compile(metric + scope + r"( by \{[a-z,]+\})?(\.as_(rate|count)\(\))?")
    assert [query for query in datadog_queries() if not form.fullmatch(query)] == []


def test_names_are_read_as_prometheus_reads_them() -> None:
    text = "# TYPE marginlake_a_total counter\nmarginlake_a_total 1.0\n# TYPE marginlake_b histogram\n# TYPE up gauge\n"
    assert names_of(text) == {"marginlake_a_total", "marginlake_b_bucket", "marginlake_b_sum", "marginlake_b_count"}
