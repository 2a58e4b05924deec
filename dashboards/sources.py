"""How the data sources are called that the dashboards ask."""

LAKE_UID = "marginlake-lake"
LAKE_TYPE = "motherduck-duckdb-datasource"
PROMETHEUS_UID = "marginlake-prometheus"
PROMETHEUS_TYPE = "prometheus"
