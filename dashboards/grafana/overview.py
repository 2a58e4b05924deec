"""What the business earns: revenue, cost and margin by day, customer, product and event, and what is not known."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from dashboards.grafana.panels import COUNT, DOLLARS, PERCENT, board, choice, number, rows, series

_CHOSEN = "coalesce(product_id, '(none)') IN (${product:sqlstring})"
_DAYS = f"FROM lake.margin_daily WHERE $__timeFilter(day) AND {_CHOSEN}"
_EVENTS = f"FROM lake.event_costs WHERE $__timeFilter(occurred_at) AND {_CHOSEN}"
_COST = "(sum(linked_cost_usd) + sum(unclaimed_cost_usd))"
_KNOWN = f"coalesce(sum(revenue_usd), 0) - {_COST}"
_TO_CUSTOMER = "/d/marginlake-customer?var-customer=${__value.raw:percentencode}&${__url_time_range}"


def margin_overview() -> Dashboard:
    """The first dashboard to look at."""
    products = "SELECT DISTINCT coalesce(product_id, '(none)') AS product FROM lake.margin_daily ORDER BY 1"
    return (
        board(
            "Margin overview", "marginlake-overview", "Every cost is counted once, whole days in UTC.", since="now-30d"
        )
        .with_variable(choice("product", "Product", products, several=True))
        .with_panel(number("Revenue", f"SELECT sum(revenue_usd) {_DAYS}", DOLLARS))
        .with_panel(number("Cost", f"SELECT {_COST} {_DAYS}", DOLLARS, about="Of events, and of no event."))
        .with_panel(
            number("Known margin", f"SELECT {_KNOWN} {_DAYS}", DOLLARS, about="Known revenue less known costs.")
        )
        .with_panel(
            number(
                "Known margin, %",
                f"SELECT (100 * ({_KNOWN}) / nullif(sum(revenue_usd), 0))::DECIMAL(18,2) {_DAYS}",
                PERCENT,
            )
        )
        .with_panel(
            number(
                "Cost of no event, %",
                f"SELECT (100 * sum(unclaimed_cost_usd) / nullif({_COST}, 0))::DECIMAL(18,2) {_DAYS}",
                PERCENT,
                about="The share of the cost that no event bears.",
                bad_above=10,
            )
        )
        .with_panel(
            number(
                "Unpriced calls",
                f"SELECT sum(unpriced_calls)::BIGINT {_DAYS}",
                about="Their cost is unknown and in no figure here.",
                bad_above=1,
            )
        )
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
                "Cost by product and day",
                f"SELECT day::TIMESTAMP AS time, coalesce(product_id, '(none)') AS product, {_COST} AS cost "
                f"{_DAYS} GROUP BY ALL ORDER BY time, product",
                DOLLARS,
                shape="stacked",
                by=True,
            )
        )
        .with_row(Row("Who and what"))
        .with_panel(
            rows(
                "Customers",
                f'SELECT customer_id AS "Customer", sum(signals)::BIGINT AS "Events", sum(revenue_usd) AS "Revenue", '
                f'{_COST} AS "Cost", CASE WHEN bool_and(margin_usd IS NOT NULL) THEN sum(margin_usd) END AS "Margin", '
                f'{_KNOWN} AS "Known margin" {_DAYS} GROUP BY ALL ORDER BY "Known margin"',
                units={"Revenue": DOLLARS, "Cost": DOLLARS, "Margin": DOLLARS, "Known margin": DOLLARS},
                about="The least profitable ones first. Margin is empty while a part of it is unknown.",
                link=("Customer", _TO_CUSTOMER),
            )
        )
        .with_panel(
            rows(
                "Products and events",
                'SELECT product_id AS "Product", event_name AS "Event", count(*) AS "Events", '
                'sum(revenue_usd) AS "Revenue", sum(cost_usd) AS "Cost", sum(margin_usd) AS "Margin, where known", '
                'quantile_disc(cost_usd, 0.95) AS "p95 cost", sum(value_usd) AS "Value", '
                f'count(*) FILTER (WHERE margin_usd IS NULL) AS "Margin unknown" {_EVENTS} '
                'GROUP BY ALL ORDER BY "Margin, where known" NULLS LAST',
                units={
                    "Revenue": DOLLARS,
                    "Cost": DOLLARS,
                    "Margin, where known": DOLLARS,
                    "p95 cost": DOLLARS,
                    "Value": DOLLARS,
                },
            )
        )
        .with_row(Row("Look at these"))
        .with_panel(
            rows(
                "Events that left the least",
                'SELECT occurred_at AS "When", customer_id AS "Customer", event_name AS "Event", '
                'revenue_usd AS "Revenue", cost_usd AS "Cost", margin_usd AS "Margin", models AS "Models", '
                f'signal_id AS "Signal" {_EVENTS} AND margin_usd IS NOT NULL ORDER BY margin_usd, signal_id LIMIT 20',
                units={"Revenue": DOLLARS, "Cost": DOLLARS, "Margin": DOLLARS},
            )
        )
        .with_panel(
            rows(
                "Margins that are unknown",
                'SELECT product_id AS "Product", event_name AS "Event", cost_status AS "Cost is", '
                'revenue_usd IS NULL AS "No revenue rule", count(*) AS "Events", '
                f'sum(unpriced_calls)::BIGINT AS "Unpriced calls" {_EVENTS} AND margin_usd IS NULL '
                'GROUP BY ALL ORDER BY "Events" DESC',
                units={"Events": COUNT},
                about="No revenue rule, an unpriced call, or an event whose cost is not traced.",
            )
        )
        .with_panel(
            rows(
                "Cost that no event bears",
                'SELECT service_name AS "Service", provider AS "Provider", model AS "Model", '
                'sum(calls)::BIGINT AS "Calls", sum(cost_usd) AS "Cost", '
                'sum(calls_without_customer)::BIGINT AS "Of no customer" '
                'FROM lake.unclaimed_by_service WHERE $__timeFilter(day) GROUP BY ALL ORDER BY "Cost" DESC NULLS LAST',
                units={"Cost": DOLLARS},
                width=24,
            )
        )
    )
