"""One customer: what they pay, what they cost, by product, event and model, and their latest events."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from dashboards.grafana.panels import COUNT, DOLLARS, PERCENT, board, choice, number, rows, series

_IS = "customer_id IN (${customer:sqlstring})"
_DAYS = f"FROM lake.margin_daily WHERE $__timeFilter(day) AND {_IS}"
_EVENTS = f"FROM lake.event_costs WHERE $__timeFilter(occurred_at) AND {_IS}"
_CALLS = f"FROM lake.billable_costs WHERE $__timeFilter(occurred_at) AND {_IS}"
_COST = "(sum(linked_cost_usd) + sum(unclaimed_cost_usd))"
_KNOWN = f"coalesce(sum(revenue_usd), 0) - {_COST}"


def one_customer() -> Dashboard:
    """Opened from the overview, or with ?var-customer=."""
    customers = "SELECT customer_id FROM lake.margin_by_customer WHERE customer_id IS NOT NULL ORDER BY 1"
    return (
        board("One customer", "marginlake-customer", "What a customer pays, costs and gets.", since="now-30d")
        .with_variable(choice("customer", "Customer", customers, several=False))
        .with_panel(number("Revenue", f"SELECT sum(revenue_usd) {_DAYS}", DOLLARS))
        .with_panel(number("Cost", f"SELECT {_COST} {_DAYS}", DOLLARS))
        .with_panel(number("Known margin", f"SELECT {_KNOWN} {_DAYS}", DOLLARS))
        .with_panel(
            number(
                "Known margin, %",
                f"SELECT (100 * ({_KNOWN}) / nullif(sum(revenue_usd), 0))::DECIMAL(18,2) {_DAYS}",
                PERCENT,
            )
        )
        .with_panel(
            number("Value delivered", f"SELECT sum(value_usd) {_DAYS}", DOLLARS, about="Where a value model says so.")
        )
        .with_panel(number("Events", f"SELECT sum(signals)::BIGINT {_DAYS}", COUNT))
        .with_panel(
            series(
                "Revenue, cost and known margin by day",
                f'SELECT day::TIMESTAMP AS time, sum(revenue_usd) AS "Revenue", {_COST} AS "Cost", '
                f'{_KNOWN} AS "Known margin" {_DAYS} GROUP BY day ORDER BY day',
                DOLLARS,
            )
        )
        .with_panel(
            series(
                "Cost by model and day",
                "SELECT date_trunc('day', occurred_at AT TIME ZONE 'UTC') AS time, "
                "coalesce(model, response_model, request_model) AS model, sum(cost_usd) AS cost "
                f"{_CALLS} GROUP BY ALL ORDER BY time, model",
                DOLLARS,
                shape="stacked",
                by=True,
            )
        )
        .with_row(Row("The bill and what it bought"))
        .with_panel(
            rows(
                "Bill",
                'SELECT product_id AS "Product", event_name AS "Event", revenue_rule AS "Rule", count(*) AS "Events", '
                'sum(revenue_usd) AS "Revenue", sum(cost_usd) AS "Cost", sum(margin_usd) AS "Margin, where known", '
                'count(*) FILTER (WHERE margin_usd IS NULL) AS "Margin unknown", sum(value_usd) AS "Value" '
                f'{_EVENTS} GROUP BY ALL ORDER BY "Revenue" DESC NULLS LAST',
                units={"Revenue": DOLLARS, "Cost": DOLLARS, "Margin, where known": DOLLARS, "Value": DOLLARS},
                width=24,
            )
        )
        .with_panel(
            rows(
                "Models",
                'SELECT coalesce(model, response_model, request_model) AS "Model", count(*) AS "Calls", '
                'sum(input_tokens)::BIGINT AS "Input", sum(cache_read_tokens)::BIGINT AS "From cache", '
                'sum(output_tokens)::BIGINT AS "Output", sum(cost_usd) AS "Cost", '
                'count(*) FILTER (WHERE failed) AS "Failed", count(*) FILTER (WHERE cost_usd IS NULL) AS "Unpriced" '
                f'{_CALLS} GROUP BY ALL ORDER BY "Cost" DESC NULLS LAST',
                units={"Cost": DOLLARS, "Input": COUNT, "From cache": COUNT, "Output": COUNT},
            )
        )
        .with_panel(
            rows(
                "Events that left the least",
                'SELECT occurred_at AS "When", event_name AS "Event", revenue_usd AS "Revenue", cost_usd AS "Cost", '
                f'margin_usd AS "Margin", models AS "Models", signal_id AS "Signal" {_EVENTS} '
                "AND margin_usd IS NOT NULL ORDER BY margin_usd, signal_id LIMIT 20",
                units={"Revenue": DOLLARS, "Cost": DOLLARS, "Margin": DOLLARS},
            )
        )
        .with_row(Row("Latest"))
        .with_panel(
            rows(
                "Latest events",
                'SELECT occurred_at AS "When", product_id AS "Product", event_name AS "Event", '
                'revenue_usd AS "Revenue", cost_usd AS "Cost", margin_usd AS "Margin", cost_status AS "Cost is", '
                f'model_calls AS "Calls", signal_id AS "Signal" {_EVENTS} ORDER BY occurred_at DESC LIMIT 50',
                units={"Revenue": DOLLARS, "Cost": DOLLARS, "Margin": DOLLARS},
                width=24,
            )
        )
    )
