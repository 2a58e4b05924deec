"""Is everything taken in, how soon can it be read, is there room; and the money as the service itself tells it."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from dashboards.grafana.panels import BYTES, COUNT, DOLLARS, PER_SECOND, SECONDS, board, gauge, measured

_RATE = "[$__rate_interval]"


def _p(quantile: str, metric: str) -> str:
    return f"histogram_quantile({quantile}, sum by (le) (rate({metric}_bucket{_RATE})))"


def ingest_health() -> Dashboard:
    """For those who run it; all of it comes from /metrics."""
    return (
        board("Ingest health", "marginlake-ingest", "What /metrics says of a running service.", since="now-6h")
        .with_panel(gauge("Ready", "min(marginlake_ready)", COUNT, about="1: it takes spans."))
        .with_panel(
            gauge(
                "Freshness",
                "max(marginlake_freshness_seconds)",
                SECONDS,
                about="How old the newest readable request is.",
            )
        )
        .with_panel(gauge("Journal lag", "max(marginlake_journal_lag_seconds)", SECONDS, bad_above=30))
        .with_panel(gauge("Rejected, last hour", "sum(increase(marginlake_rejected_total[1h]))", COUNT, bad_above=1))
        .with_panel(
            gauge(
                "Commit failures, last hour", "sum(increase(marginlake_commit_failures_total[1h]))", COUNT, bad_above=1
            )
        )
        .with_panel(gauge("Disk free", "min(marginlake_disk_free_bytes)", BYTES))
        .with_panel(
            measured(
                "Accepted",
                {
                    "spans": f"sum(rate(marginlake_spans_accepted_total{_RATE}))",
                    "signals": f"sum(rate(marginlake_signals_accepted_total{_RATE}))",
                },
                PER_SECOND,
            )
        )
        .with_panel(
            measured(
                "Stored, and known already",
                {
                    "spans": f"sum(rate(marginlake_spans_stored_total{_RATE}))",
                    "signals": f"sum(rate(marginlake_signals_stored_total{_RATE}))",
                    "spans known already": f"sum(rate(marginlake_spans_duplicate_total{_RATE}))",
                    "signals known already": f"sum(rate(marginlake_signals_duplicate_total{_RATE}))",
                },
                PER_SECOND,
            )
        )
        .with_panel(
            measured(
                "Refused requests, by reason",
                {"{{reason}}": f"sum by (reason) (rate(marginlake_requests_refused_total{_RATE}))"},
                PER_SECOND,
                about="The senders were told to try again.",
            )
        )
        .with_panel(
            measured(
                "Rejected rows, by reason",
                {
                    "{{kind}}: {{reason}}": f"sum by (kind, reason) (rate(marginlake_rejected_total{_RATE}))",
                    "spans, at the door": f"sum(rate(marginlake_spans_rejected_total{_RATE}))",
                },
                PER_SECOND,
                about="What is wrong with each is in the table rejected.",
            )
        )
        .with_row(Row("How soon"))
        .with_panel(
            measured(
                "Received until readable",
                {q: _p(p, "marginlake_visible_seconds") for q, p in (("p50", "0.5"), ("p95", "0.95"), ("p99", "0.99"))},
                SECONDS,
            )
        )
        .with_panel(
            measured(
                "Journal sync and commit, p99",
                {
                    "sync": _p("0.99", "marginlake_fsync_seconds"),
                    "commit": _p("0.99", "marginlake_commit_seconds"),
                },
                SECONDS,
            )
        )
        .with_panel(
            measured(
                "Backlog",
                {"bytes": "sum(marginlake_journal_backlog_bytes)"},
                BYTES,
                about="Acknowledged, safe in the journal, not in the lake yet.",
            )
        )
        .with_panel(
            measured(
                "Rows written, by table",
                {"{{table}}": f"sum by (table) (rate(marginlake_rows_written_total{_RATE}))"},
                PER_SECOND,
                shape="lines",
            )
        )
        .with_row(Row("Upkeep, disk and alerts"))
        .with_panel(
            measured(
                "Disk use",
                {"{{what}}": "sum by (what) (marginlake_disk_bytes)"},
                BYTES,
                shape="lines",
            )
        )
        .with_panel(
            measured(
                "Upkeep",
                {"{{step}}": f"sum by (step) (rate(marginlake_upkeep_seconds_total{_RATE}))"},
                SECONDS,
                about="Seconds of upkeep in a second.",
            )
        )
        .with_panel(
            measured(
                "Alerts",
                {
                    "firing: {{severity}}": "sum by (severity) (marginlake_alerts_firing)",
                    "not delivered": "sum(marginlake_alerts_undelivered)",
                },
                COUNT,
            )
        )
        .with_panel(
            measured(
                "Webhooks",
                {"{{outcome}}": "sum by (outcome) (increase(marginlake_webhook_posts_total[1h]))"},
                COUNT,
            )
        )
        .with_row(Row("Money, this UTC day so far"))
        .with_panel(
            measured(
                "Cost, by provider",
                {"{{provider}}": 'sum by (provider) (marginlake_cost_usd{window="day"})'},
                DOLLARS,
            )
        )
        .with_panel(
            measured(
                "Known margin and revenue, by product",
                {
                    "{{product}}: revenue": 'sum by (product) (marginlake_revenue_usd{window="day"})',
                    "{{product}}: known margin": 'sum by (product) (marginlake_margin_known_usd{window="day"})',
                },
                DOLLARS,
            )
        )
        .with_panel(
            measured(
                "Share of the cost that no event bears",
                {
                    "share": 'sum(marginlake_unclaimed_cost_usd{window="day"}) / '
                    '(sum(marginlake_unclaimed_cost_usd{window="day"}) + sum(marginlake_linked_cost_usd{window="day"}))'
                },
                "percentunit",
            )
        )
        .with_panel(
            measured(
                "Unpriced calls, by model",
                {"{{provider}} {{model}}": 'sum by (provider, model) (marginlake_unpriced_calls{window="day"}) > 0'},
                COUNT,
            )
        )
    )
