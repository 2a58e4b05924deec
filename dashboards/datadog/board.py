"""What the Datadog dashboard shows: ingest, how soon, room, and money. Names are those of /metrics."""

from typing import Any

Widget = dict[str, Any]
_HOSTS = "{$host}"


def board() -> dict[str, Any]:
    """The dashboard in the form of Datadog's dashboard API (v1)."""
    return {
        "title": "marginlake",
        "description": "Ingest and money of marginlake, from its /metrics. Money is exact in the lake, rounded here.",
        "layout_type": "ordered",
        "template_variables": [{"name": "host", "prefix": "host", "available_values": [], "defaults": ["*"]}],
        "widgets": [
            _group("Now", _now()),
            _group("Ingest", _ingest()),
            _group("How soon, and room", _room()),
            _group("Money, this UTC day so far", _money()),
        ],
    }


def _now() -> list[Widget]:
    return [
        _number("Ready", "min", _gauge("marginlake_ready")),
        _number("Freshness, s", "max", _gauge("marginlake_freshness_seconds")),
        _number("Journal lag, s", "max", _gauge("marginlake_journal_lag_seconds")),
        _number("Disk free, bytes", "min", _gauge("marginlake_disk_free_bytes")),
        _number("Alerts firing", "sum", _gauge("marginlake_alerts_firing")),
    ]


def _ingest() -> list[Widget]:
    return [
        _lines(
            "Spans",
            {
                "accepted": _rate("marginlake_spans_accepted_total"),
                "stored": _rate("marginlake_spans_stored_total"),
                "known already": _rate("marginlake_spans_duplicate_total"),
                "rejected": _rate("marginlake_spans_rejected_total"),
            },
        ),
        _lines(
            "Signals",
            {
                "accepted": _rate("marginlake_signals_accepted_total"),
                "stored": _rate("marginlake_signals_stored_total"),
                "known already": _rate("marginlake_signals_duplicate_total"),
            },
        ),
        _lines("Refused requests", {"refused": _rate("marginlake_requests_refused_total", by="reason")}),
        _lines("Rejected rows", {"rejected": _rate("marginlake_rejected_total", by="kind,reason")}),
        _lines("Commit failures", {"failures": _rate("marginlake_commit_failures_total")}),
        _lines("Rows written", {"rows": _rate("marginlake_rows_written_total", by="table")}),
    ]


def _room() -> list[Widget]:
    return [
        _average("Received until readable, s", "marginlake_visible_seconds"),
        _average("Journal sync, s", "marginlake_fsync_seconds"),
        _average("Commit, s", "marginlake_commit_seconds"),
        _lines("Backlog, bytes", {"bytes": f"sum:{_gauge('marginlake_journal_backlog_bytes')}{_HOSTS}"}),
        _lines("Disk use, bytes", {"bytes": f"sum:{_gauge('marginlake_disk_bytes')}{_HOSTS} by {{what}}"}),
        _lines("Upkeep, s in a second", {"upkeep": _rate("marginlake_upkeep_seconds_total", by="step")}),
        _lines("Webhooks", {"posts": _rate("marginlake_webhook_posts_total", by="outcome")}),
    ]


def _money() -> list[Widget]:
    return [
        _lines("Cost, by model, $", {"cost": _day("marginlake_cost_usd", by="provider,model")}),
        _lines("Calls, by model", {"calls": _day("marginlake_calls", by="provider,model")}),
        _lines(
            "Revenue and known margin, by product, $",
            {
                "revenue": _day("marginlake_revenue_usd", by="product"),
                "known margin": _day("marginlake_margin_known_usd", by="product"),
            },
        ),
        _lines(
            "Cost of events and of no event, $",
            {"of events": _day("marginlake_linked_cost_usd"), "of no event": _day("marginlake_unclaimed_cost_usd")},
        ),
        _lines("Value delivered, by product, $", {"value": _day("marginlake_value_usd", by="product")}),
        _lines("Unpriced calls, by model", {"calls": _day("marginlake_unpriced_calls", by="provider,model")}),
        _lines("Events without revenue", {"events": _day("marginlake_signals_without_revenue", by="product")}),
    ]


def _gauge(name: str) -> str:
    return f"marginlake.{name.removeprefix('marginlake_')}"


def _rate(counter: str, by: str = "") -> str:
    grouped = f" by {{{by}}}" if by else ""
    return f"sum:{_gauge(counter.removesuffix('_total'))}.count{_HOSTS}{grouped}.as_rate()"


def _day(name: str, by: str = "") -> str:
    grouped = f" by {{{by}}}" if by else ""
    return f"sum:{_gauge(name)}{{$host,window:day}}{grouped}"


def _lines(title: str, queries: dict[str, str]) -> Widget:
    """Lines over time, by the name of each."""
    names = [f"query{number}" for number in range(1, len(queries) + 1)]
    request = {
        "display_type": "line",
        "response_format": "timeseries",
        "queries": [
            {"data_source": "metrics", "name": name, "query": query}
            for name, query in zip(names, queries.values(), strict=True)
        ],
        "formulas": [{"alias": alias, "formula": name} for name, alias in zip(names, queries, strict=True)],
    }
    return _widget("timeseries", title, [request], show_legend=True)


def _average(title: str, histogram: str) -> Widget:
    """The mean of what a histogram counted: its sum by its count."""
    request = {
        "display_type": "line",
        "response_format": "timeseries",
        "queries": [
            {"data_source": "metrics", "name": name, "query": f"sum:{_gauge(histogram)}.{side}{_HOSTS}.as_count()"}
            for name, side in (("total", "sum"), ("times", "count"))
        ],
        "formulas": [{"alias": "mean", "formula": "total / times"}],
    }
    return _widget("timeseries", title, [request], show_legend=False)


def _number(title: str, across: str, name: str) -> Widget:
    query = {"aggregator": "last", "data_source": "metrics", "name": "query1", "query": f"{across}:{name}{_HOSTS}"}
    request = {"response_format": "scalar", "queries": [query], "formulas": [{"formula": "query1"}]}
    return _widget("query_value", title, [request], autoscale=True, precision=2)


def _widget(kind: str, title: str, requests: list[dict[str, Any]], **options: object) -> Widget:
    return {"definition": {"type": kind, "title": title, "requests": requests, **options}}


def _group(title: str, widgets: list[Widget]) -> Widget:
    return {"definition": {"type": "group", "layout_type": "ordered", "title": title, "widgets": widgets}}
