"""Models and prices: what each model costs, what caches save, what fails, what has no price, which prices change."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from dashboards.grafana.panels import COUNT, DOLLARS, PERCENT, board, number, rows, series

_DAYS = "FROM lake.cost_by_model_daily WHERE $__timeFilter(day)"
_SAVED = "FROM lake.cache_savings WHERE $__timeFilter(day)"
_FAILED = "FROM lake.errors_and_retries WHERE $__timeFilter(day)"


def models_and_prices() -> Dashboard:
    """For those who choose models and look after the price book."""
    return (
        board("Models and prices", "marginlake-models", "What models cost, and at which prices.", since="now-30d")
        .with_panel(number("Cost", f"SELECT sum(cost_usd) {_DAYS}", DOLLARS))
        .with_panel(number("Calls", f"SELECT sum(calls)::BIGINT {_DAYS}", COUNT))
        .with_panel(
            number(
                "Priced, %",
                "SELECT (100 * sum(priced_calls) / sum(calls))::DECIMAL(18,2) FROM lake.coverage "
                "WHERE $__timeFilter(day)",
                PERCENT,
            )
        )
        .with_panel(
            number(
                "Input from caches, %",
                f"SELECT (100 * sum(cache_read_tokens) / nullif(sum(input_tokens), 0))::DECIMAL(18,2) {_DAYS}",
                PERCENT,
            )
        )
        .with_panel(
            number(
                "Saved by caches", f"SELECT sum(saved_usd) {_SAVED}", DOLLARS, about="The cost of writing taken off."
            )
        )
        .with_panel(number("Paid for failed calls", f"SELECT sum(failed_cost_usd) {_FAILED}", DOLLARS))
        .with_panel(
            series(
                "Cost by model and day",
                f"SELECT day::TIMESTAMP AS time, model, sum(cost_usd) AS cost {_DAYS} GROUP BY ALL "
                "ORDER BY time, model",
                DOLLARS,
                shape="stacked",
                by=True,
            )
        )
        .with_panel(
            series(
                "Calls by model and day",
                f"SELECT day::TIMESTAMP AS time, model, sum(calls)::BIGINT AS calls {_DAYS} GROUP BY ALL "
                "ORDER BY time, model",
                COUNT,
                shape="stacked",
                by=True,
            )
        )
        .with_panel(
            rows(
                "Models",
                'SELECT provider AS "Provider", model AS "Model", sum(calls)::BIGINT AS "Calls", '
                'sum(input_tokens)::BIGINT AS "Input", sum(output_tokens)::BIGINT AS "Output", '
                'sum(cost_usd) AS "Cost", (sum(cost_usd) / sum(calls))::DECIMAL(18,6) AS "Each", '
                f'sum(unpriced_calls)::BIGINT AS "Unpriced" {_DAYS} GROUP BY ALL ORDER BY "Cost" DESC NULLS LAST',
                units={"Cost": DOLLARS, "Each": DOLLARS, "Input": COUNT, "Output": COUNT},
            )
        )
        .with_panel(
            rows(
                "How long calls take",
                'SELECT coalesce(model, response_model, request_model) AS "Model", count(*) AS "Calls", '
                'quantile_disc(duration_ns, 0.5) AS "Median", quantile_disc(duration_ns, 0.95) AS "p95" '
                "FROM lake.billable_costs WHERE $__timeFilter(occurred_at) AND duration_ns IS NOT NULL "
                'GROUP BY ALL ORDER BY "p95" DESC',
                units={"Median": "ns", "p95": "ns"},
            )
        )
        .with_row(Row("Which models earn"))
        .with_panel(
            rows(
                "Margin by model mix",
                'SELECT product_id AS "Product", event_name AS "Event", models AS "Models", count(*) AS "Events", '
                'sum(revenue_usd) AS "Revenue", sum(cost_usd) AS "Cost", sum(margin_usd) AS "Margin, where known", '
                '(100 * sum(margin_usd) / nullif(sum(revenue_usd), 0))::DECIMAL(18,2) AS "Margin, %" '
                "FROM lake.event_costs WHERE $__timeFilter(occurred_at) AND models IS NOT NULL "
                'GROUP BY ALL ORDER BY "Product", "Event", "Margin, where known" DESC',
                units={"Revenue": DOLLARS, "Cost": DOLLARS, "Margin, where known": DOLLARS, "Margin, %": PERCENT},
                about="Events by the models that answered for them.",
                width=24,
            )
        )
        .with_row(Row("Caches and failures"))
        .with_panel(
            rows(
                "Caches",
                'SELECT model AS "Model", sum(cache_read_tokens)::BIGINT AS "Read", '
                'sum(cache_write_tokens)::BIGINT AS "Written", sum(full_rate_usd) AS "At the full rate", '
                'sum(charged_usd) AS "Charged", sum(saved_usd) AS "Saved" '
                f'{_SAVED} GROUP BY ALL ORDER BY "Saved" DESC NULLS LAST',
                units={
                    "At the full rate": DOLLARS,
                    "Charged": DOLLARS,
                    "Saved": DOLLARS,
                    "Read": COUNT,
                    "Written": COUNT,
                },
            )
        )
        .with_panel(
            rows(
                "Errors and retries",
                'SELECT provider AS "Provider", request_model AS "Model", sum(calls)::BIGINT AS "Calls", '
                'sum(failed_calls)::BIGINT AS "Failed", sum(retried_calls)::BIGINT AS "Tried again", '
                'sum(failed_cost_usd) AS "Paid", sum(failed_unpriced_calls)::BIGINT AS "Of unknown cost" '
                f'{_FAILED} AND failed_calls > 0 GROUP BY ALL ORDER BY "Paid" DESC NULLS LAST',
                units={"Paid": DOLLARS},
            )
        )
        .with_row(Row("Prices"))
        .with_panel(
            rows(
                "Unpriced models",
                'SELECT provider AS "Provider", model AS "Model", rate_note AS "Why", calls AS "Calls", '
                'first_seen AS "First", last_seen AS "Last" FROM lake.unpriced_models '
                "WHERE $__timeFilter(last_seen) ORDER BY calls DESC",
                units={"Calls": COUNT},
            )
        )
        .with_panel(
            rows(
                "Price changes of models in use",
                'SELECT DISTINCT p.changed_at AS "When", p.model AS "Model", p.input_mtok_before AS "Input before", '
                'p.input_mtok AS "Input", p.output_mtok_before AS "Output before", p.output_mtok AS "Output", '
                'p.calls AS "Calls since" FROM lake.price_changes AS p '
                "JOIN lake.billable_costs AS c ON c.rate_id IN (p.rate_id, p.previous_rate_id) "
                'ORDER BY "When" DESC, "Model"',
                units=dict.fromkeys(("Input before", "Input", "Output before", "Output"), DOLLARS),
                about="Per million tokens; whenever they changed, or will.",
            )
        )
        .with_panel(
            rows(
                "Our price and what senders report",
                'SELECT provider AS "Provider", model AS "Model", sum(calls)::BIGINT AS "Calls", '
                'sum(cost_usd) AS "Ours", sum(reported_cost_usd) AS "Reported", '
                'sum(difference_usd) AS "Difference" FROM lake.reported_costs_daily WHERE $__timeFilter(day) '
                "GROUP BY ALL ORDER BY abs(sum(difference_usd)) DESC",
                units={"Ours": DOLLARS, "Reported": DOLLARS, "Difference": DOLLARS},
                about="Empty unless instrumentations say what they think a call cost.",
            )
        )
        .with_panel(
            rows(
                "Catalogs in use",
                'SELECT k.source AS "Source", k.source_version AS "Version", k.imported_at AS "Known since", '
                'count(*) AS "Calls", sum(c.cost_usd) AS "Cost" '
                "FROM lake.billable_costs AS c LEFT JOIN lake.catalogs AS k ON k.catalog_id = c.catalog_id "
                'WHERE $__timeFilter(c.occurred_at) GROUP BY ALL ORDER BY "Calls" DESC',
                units={"Cost": DOLLARS},
            )
        )
    )
