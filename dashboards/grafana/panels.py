"""The kinds of panels that the dashboards are made of, so that each of them only says what it shows."""

from typing import Literal

from grafana_foundation_sdk.builders import common, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders.dashboard import Dashboard, DashboardLink, QueryVariable, ThresholdsConfig
from grafana_foundation_sdk.cog import builder as cogbuilder
from grafana_foundation_sdk.cog import variants as cogvariants
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    FieldTextAlignment,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    Threshold,
    ThresholdsMode,
    VariableOption,
    VariableRefresh,
)

from dashboards.sources import LAKE_TYPE, LAKE_UID, PROMETHEUS_TYPE, PROMETHEUS_UID

LAKE = DataSourceRef(type_val=LAKE_TYPE, uid=LAKE_UID)
PROMETHEUS = DataSourceRef(type_val=PROMETHEUS_TYPE, uid=PROMETHEUS_UID)

DOLLARS = "currencyUSD"
COUNT = "short"
PERCENT = "percent"
SECONDS = "s"
BYTES = "bytes"
PER_SECOND = "reqps"

ALL = "$__all"
_TABLE_FORMAT = 1
_BAD = "red"

Shape = Literal["lines", "bars", "stacked"]


class SqlQuery(cogvariants.Dataquery):
    """A query of the DuckDB data source, as its query editor writes it."""

    def __init__(self, sql: str) -> None:
        self.sql = sql.strip()

    def to_json(self) -> dict[str, object]:
        """Its JSON in a panel's targets."""
        return {
            "datasource": LAKE,
            "editorMode": "code",
            "format": _TABLE_FORMAT,
            "rawQuery": True,
            "rawSql": self.sql,
            "refId": "A",
        }


class Sql(cogbuilder.Builder[SqlQuery]):
    """Builder of a `SqlQuery`."""

    def __init__(self, sql: str) -> None:
        self._sql = sql

    def build(self) -> SqlQuery:
        """The query."""
        return SqlQuery(self._sql)


def board(title: str, uid: str, about: str, *, since: str) -> Dashboard:
    """An empty dashboard over the time from `since` (such as now-30d) on, in UTC, with links to the other ones."""
    others = DashboardLink("marginlake").type(DashboardLinkType.DASHBOARDS).tags(["marginlake"])
    return (
        Dashboard(title)
        .uid(uid)
        .description(about)
        .tags(["marginlake"])
        .timezone("utc")
        .time(since, "now")
        .refresh("1m")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .link(others.as_dropdown(True).include_vars(False).keep_time(True))
        .readonly()
    )


def choice(name: str, label: str, sql: str, *, several: bool) -> QueryVariable:
    """A variable whose values a query of the lake finds; `several` lets one choose more, and all of them at first."""
    variable = (
        QueryVariable(name).label(label).datasource(LAKE).query(sql.strip()).refresh(VariableRefresh.ON_DASHBOARD_LOAD)
    )
    if several:
        variable = variable.multi(True).include_all(True).current(VariableOption(True, ["All"], [ALL]))
    return variable


def number(title: str, sql: str, unit: str = COUNT, *, about: str = "", bad_above: float | None = None) -> stat.Panel:
    """One figure out of a query of one row and one column; unknown (NULL) is shown as such."""
    panel = (
        stat.Panel()
        .title(title)
        .datasource(LAKE)
        .with_target(Sql(sql))
        .unit(unit)
        .no_value("unknown")
        .graph_mode(BigValueGraphMode.NONE)
        .color_mode(BigValueColorMode.VALUE)
        .reduce_options(common.ReduceDataOptions().values(False).calcs(["lastNotNull"]).fields("/.*/"))
        .thresholds(_thresholds(bad_above))
        .height(4)
        .span(4)
    )
    return panel.description(about) if about else panel


def series(
    title: str,
    sql: str,
    unit: str,
    *,
    shape: Shape = "bars",
    by: bool = False,
    about: str = "",
    width: int = 12,
) -> timeseries.Panel:
    """Figures over time: a query with a column `time`, sorted by it. `by`: rows of several series, told by a text."""
    panel = _drawn(timeseries.Panel().title(title).datasource(LAKE).with_target(Sql(sql)).unit(unit), shape, width)
    if by:
        panel = panel.with_transformation(DataTransformerConfig("prepareTimeSeries", options={"format": "multi"}))
    return panel.description(about) if about else panel


def rows(
    title: str,
    sql: str,
    *,
    units: dict[str, str],
    about: str = "",
    width: int = 12,
    link: tuple[str, str] = ("", ""),
) -> table.Panel:
    """A table; `units` of its columns by name, `link`: a column and the URL that its cells lead to."""
    panel = (
        table.Panel()
        .title(title)
        .datasource(LAKE)
        .with_target(Sql(sql))
        .no_value("unknown")
        .align(FieldTextAlignment.AUTO)
        .height(9)
        .span(width)
    )
    for column, unit in units.items():
        panel = panel.override_by_name(column, [DynamicConfigValue("unit", unit)])
    column, url = link
    if column:
        cells = [{"title": "Open", "url": url}]
        panel = panel.override_by_name(column, [DynamicConfigValue("links", cells)])
    return panel.description(about) if about else panel


def measured(
    title: str,
    expressions: dict[str, str],
    unit: str,
    *,
    shape: Shape = "lines",
    about: str = "",
    width: int = 12,
) -> timeseries.Panel:
    """Prometheus expressions over time, by the legend of each."""
    panel = _drawn(timeseries.Panel().title(title).datasource(PROMETHEUS).unit(unit), shape, width)
    for letter, (legend, expression) in zip("ABCDEFGH", expressions.items(), strict=False):
        panel = panel.with_target(_expression(expression, legend, letter))
    return panel.description(about) if about else panel


def gauge(title: str, expression: str, unit: str, *, about: str = "", bad_above: float | None = None) -> stat.Panel:
    """One figure out of Prometheus, as it is now."""
    panel = (
        stat.Panel()
        .title(title)
        .datasource(PROMETHEUS)
        .with_target(_expression(expression, title, "A"))
        .unit(unit)
        .no_value("unknown")
        .graph_mode(BigValueGraphMode.AREA)
        .color_mode(BigValueColorMode.VALUE)
        .thresholds(_thresholds(bad_above))
        .height(4)
        .span(4)
    )
    return panel.description(about) if about else panel


def _expression(expression: str, legend: str, letter: str) -> prometheus.Dataquery:
    query = prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(letter).range()
    return query.datasource(PROMETHEUS)


def _drawn(panel: timeseries.Panel, shape: Shape, width: int) -> timeseries.Panel:
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    panel = panel.legend(legend.show_legend(True)).height(8).span(width)
    if shape == "lines":
        return panel.draw_style(GraphDrawStyle.LINE).fill_opacity(10).show_points(VisibilityMode.NEVER)
    panel = panel.draw_style(GraphDrawStyle.BARS).fill_opacity(80)
    return panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL)) if shape == "stacked" else panel


def _thresholds(bad_above: float | None) -> ThresholdsConfig:
    steps = [Threshold(None, "text")]
    if bad_above is not None:
        steps.append(Threshold(bad_above, _BAD))
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
