"""Bodies of analytics."""

from typing import Annotated, Any

from pydantic import StringConstraints

from billing.api.model import Model


class AnalyticsQuery(Model):
    """One SELECT or WITH over the views of `GET /analytics/schema`."""

    query: Annotated[str, StringConstraints(min_length=1, max_length=100_000, pattern=r"^[^\x00]*$")]


class AnalyticsColumn(Model):
    """A column of an answer."""

    name: str
    type: str


class AnalyticsMeta(Model):
    """truncated: there were more rows than an answer has."""

    row_count: int
    elapsed_ms: float
    truncated: bool


class AnalyticsAnswer(Model):
    """Rows as lists, in the order of the columns."""

    columns: list[AnalyticsColumn]
    rows: list[list[Any]]
    meta: AnalyticsMeta


class SchemaColumn(AnalyticsColumn):
    """A column of a view."""

    comment: str


class SchemaView(Model):
    """A view."""

    name: str
    comment: str
    columns: list[SchemaColumn]


class AnalyticsSchema(Model):
    """All views."""

    views: list[SchemaView]


class DataPath(Model):
    """A place in an event's data."""

    path: str
    types: list[str]


class SignalPaths(Model):
    """The places of one event."""

    signal_name: str
    paths: list[DataPath]


class PathsMeta(Model):
    """Of which time."""

    from_date: str
    to_date: str


class SignalsMetadata(Model):
    """The places of all events."""

    signals: list[SignalPaths]
    meta: PathsMeta
