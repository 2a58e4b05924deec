"""`/analytics`: SQL over the views, the views, and what is in events' data. `/experimental/analytics` is the same."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final

from fastapi import Query, Response

from billing.analytics.metadata import paths
from billing.analytics.query import Answer, run
from billing.analytics.views import VIEWS
from billing.api.errors import invalid
from billing.api.requests import Shared, router
from billing.api.schemas.analytics import (
    AnalyticsAnswer,
    AnalyticsColumn,
    AnalyticsMeta,
    AnalyticsQuery,
    AnalyticsSchema,
    DataPath,
    PathsMeta,
    SchemaColumn,
    SchemaView,
    SignalPaths,
    SignalsMetadata,
)
from billing.columns import dump_json

routes = router("analytics")

USUAL_DAYS: Final = 30
"""Of so many days the metadata of signals are, when nothing else is asked for."""


@routes.post("/analytics/query", response_model=AnalyticsAnswer)
@routes.post("/experimental/analytics/query", response_model=AnalyticsAnswer, include_in_schema=False)
def execute_analytics_query(billing: Shared, body: AnalyticsQuery) -> Response:
    """The answer to one query: at most 10,000 rows, within 30 seconds."""
    # decimals keep their digits, which the usual way through floats would not let them
    return Response(dump_json(_body(run(billing, body.query))), media_type="application/json")


@routes.get("/analytics/schema")
@routes.get("/experimental/analytics/schema", include_in_schema=False)
def get_analytics_schema() -> AnalyticsSchema:
    """The views that queries see."""
    return AnalyticsSchema(
        views=[
            SchemaView(
                name=view.name,
                comment=view.comment,
                columns=[SchemaColumn(name=each.name, type=each.type, comment=each.comment) for each in view.columns],
            )
            for view in VIEWS
        ]
    )


@routes.get("/analytics/signals/metadata")
@routes.get("/experimental/analytics/signals/metadata", include_in_schema=False)
def get_signals_metadata(
    billing: Shared,
    signal_name: Annotated[str | None, Query(alias="signalName", pattern=r"^[^\x00]*$")] = None,
    from_date: Annotated[str | None, Query(alias="fromDate")] = None,
    to_date: Annotated[str | None, Query(alias="toDate")] = None,
) -> SignalsMetadata:
    """The paths and types in the data of events that came from `fromDate` (a day, or a time) to `toDate` (exclusive; a
    day: its end). Default: the last 30 days.
    """
    ends = billing.clock() if to_date is None else _moment("toDate", to_date, end=True)
    starts = ends - timedelta(days=USUAL_DAYS) if from_date is None else _moment("fromDate", from_date, end=False)
    if starts > ends:
        raise invalid("toDate: must not be before fromDate")
    found = {} if billing.lake is None else paths(billing.lake, signal_name, starts, ends)
    return SignalsMetadata(
        signals=[
            SignalPaths(signal_name=event, paths=[DataPath(path=path, types=types) for path, types in at.items()])
            for event, at in found.items()
        ],
        meta=PathsMeta(from_date=_text(starts), to_date=_text(ends)),
    )


def _body(answer: Answer) -> dict[str, object]:
    meta = AnalyticsMeta(row_count=len(answer.rows), elapsed_ms=answer.elapsed_ms, truncated=answer.truncated)
    columns = [AnalyticsColumn(name=name, type=kind).model_dump(by_alias=True) for name, kind in answer.columns]
    return {"columns": columns, "rows": answer.rows, "meta": meta.model_dump(by_alias=True)}


def _moment(name: str, text: str, *, end: bool) -> datetime:
    try:
        if len(text) == len("2026-03-15"):
            moment = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC) + timedelta(days=end)
        else:
            moment = datetime.fromisoformat(text)
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        # far enough from the ends of time that days can be counted from it
        if not datetime(1900, 1, 1, tzinfo=UTC) <= moment <= datetime(9000, 1, 1, tzinfo=UTC):
            raise ValueError
    except (ValueError, OverflowError):
        raise invalid(
            f"{name}: {text!r} is neither a day nor a time, like 2026-03-15 or 2026-03-15T12:00:00Z"
        ) from None
    return moment


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
