"""The files beside the dashboards: data sources and provider for Grafana, the agent's check for Datadog."""

from pathlib import Path

from dashboards.sources import LAKE_TYPE, LAKE_UID, PROMETHEUS_TYPE, PROMETHEUS_UID

DATADOG_CHECK = """\
# For the Datadog agent: conf.d/openmetrics.d/conf.yaml
instances:
  - openmetrics_endpoint: http://127.0.0.1:4318/metrics
    namespace: marginlake
    raw_metric_prefix: marginlake_
    metrics: [".+"]
"""

_PROVIDER = """\
# Grafana: provisioning/dashboards/marginlake.yaml
apiVersion: 1
providers:
  - name: marginlake
    folder: marginlake
    type: file
    allowUiUpdates: false
    options:
      path: {folder}
"""

_SOURCES = """\
# Grafana: provisioning/datasources/marginlake.yaml
apiVersion: 1
datasources:
  - name: marginlake lake
    uid: {lake_uid}
    type: {lake_type}
    access: proxy
    isDefault: false
    editable: false
    jsonData:
      path: ""
      initSql: |
{init_sql}
  - name: marginlake Prometheus
    uid: {prometheus_uid}
    type: {prometheus_type}
    access: proxy
    url: http://127.0.0.1:9090
    isDefault: false
    editable: false
"""


def init_sql(data_dir: Path) -> str:
    """What the data source does before its first query: attach the lake, read only.

    Some versions of the plugin do it on each of their connections, some on the first one only. So it may be done again,
    and queries do not count on what belongs to a connection: they name tables as `lake.TABLE`.
    """
    catalog, files = (_quoted(str(data_dir / name)) for name in ("catalog.sqlite", "data"))
    catalog = "'ducklake:sqlite:" + catalog.removeprefix("'")
    return (
        "INSTALL sqlite;\nINSTALL ducklake;\nLOAD sqlite;\nLOAD ducklake;\nSET GLOBAL TimeZone = 'UTC';\n"
        f"ATTACH IF NOT EXISTS {catalog} AS lake\n"
        f"  (READ_ONLY, DATA_PATH {files}, OVERRIDE_DATA_PATH true, META_BUSY_TIMEOUT 10000);\n"
    )


def grafana_sources(data_dir: Path) -> str:
    """Data sources: the lake in `data_dir` (absolute, as Grafana's machine sees it), and Prometheus."""
    indented = "".join(f"        {line}\n" for line in init_sql(data_dir).splitlines())
    return _SOURCES.format(
        lake_uid=LAKE_UID,
        lake_type=LAKE_TYPE,
        init_sql=indented.rstrip("\n"),
        prometheus_uid=PROMETHEUS_UID,
        prometheus_type=PROMETHEUS_TYPE,
    )


def grafana_provider(folder: Path) -> str:
    """The provider that loads the dashboards of a folder (absolute)."""
    quoted = str(folder).replace("\\", "\\\\").replace('"', '\\"')
    return _PROVIDER.format(folder=f'"{quoted}"')


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
