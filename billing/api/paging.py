"""Lists by `limit` and `offset`, each with what there is in all."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from billing.api.model import Model

T = TypeVar("T")
R = TypeVar("R")

DEFAULT_LIMIT: Final = 100
LARGEST_LIMIT: Final = 1000


class Page(BaseModel):
    """Which part of a list is asked for."""

    limit: int
    offset: int


async def page(
    limit: Annotated[int, Query(ge=1, le=LARGEST_LIMIT)] = DEFAULT_LIMIT,
    offset: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> Page:
    """The part of the list that the query names."""
    return Page(limit=limit, offset=offset)


Paged = Annotated[Page, Depends(page)]


class Pagination(Model):
    """Where the part stands within the whole."""

    limit: int
    offset: int
    total: int
    has_more: bool


class Listed(Model, Generic[T]):
    """A part of a list."""

    data: list[T]
    pagination: Pagination


def listed(session: Session, query: Select[Any], part: Page, show: Callable[[Any], T]) -> Listed[T]:
    """The part of an ordered query of one entity, each row shown by `show`."""
    total = session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    rows = session.scalars(query.limit(part.limit).offset(part.offset)).all()
    return of_part([show(row) for row in rows], total, part)


def of_part(data: Sequence[T], total: int, part: Page) -> Listed[T]:
    """A part that is already there, out of `total`."""
    more = part.offset + len(data) < total
    return Listed(
        data=list(data), pagination=Pagination(limit=part.limit, offset=part.offset, total=total, has_more=more)
    )
