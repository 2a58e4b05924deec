"""The ids that signals carry, and whom and what they mean.

A signal keeps the text that its sender wrote: an external id, an alias, or our display id. So whoever asks for a
customer asks for all the texts that mean it, and an id that means nobody is asked for as it is.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from billing.customers.find import customer_of_external
from billing.tables.catalog import Product
from billing.tables.customers import Customer, CustomerAlias

_AT_ONCE: Final = 500
"""Values of one IN list; databases have limits."""


class Known(NamedTuple):
    """Both ids of a customer or product."""

    id: str
    external_id: str | None


def texts_of_customer(session: Session, display_id: str | None, external_id: str | None) -> list[set[str]]:
    """For each id that is given, the texts that mean its customer; the id alone where it means nobody."""
    wanted = []
    if display_id is not None:
        wanted.append(_customer_texts(session, _by_id(session, display_id), display_id))
    if external_id is not None:
        wanted.append(_customer_texts(session, customer_of_external(session, external_id), external_id))
    return wanted


def texts_of_product(session: Session, display_id: str | None, external_id: str | None) -> list[set[str]]:
    """For each id that is given, the texts that mean its product; the id alone where it means none."""
    wanted = []
    if display_id is not None:
        wanted.append(_product_texts(session.get(Product, display_id), display_id))
    if external_id is not None:
        found = session.scalar(select(Product).where(Product.external_id == external_id))
        wanted.append(_product_texts(found, external_id))
    return wanted


def customers_of(session: Session, texts: Iterable[str]) -> dict[str, Known]:
    """Whom the texts mean: by external id first, then by alias, then by display id. Those of nobody are left out."""
    found: dict[str, Known] = {}
    for part in _parts(texts):
        by_id: dict[str, Known] = {}
        for row in session.execute(
            select(Customer.id, Customer.external_id).where(
                or_(Customer.external_id.in_(part), Customer.id.in_(part)), Customer.deleted_at.is_(None)
            )
        ):
            known = Known(row.id, row.external_id)
            by_id[known.id] = known
            if known.external_id is not None:
                found[known.external_id] = known
        aliases = select(CustomerAlias.alias, Customer.id, Customer.external_id).join(
            Customer, Customer.id == CustomerAlias.customer_id
        )
        for alias in session.execute(aliases.where(CustomerAlias.alias.in_(part), Customer.deleted_at.is_(None))):
            found.setdefault(alias.alias, Known(alias.id, alias.external_id))
        for text, known in by_id.items():
            found.setdefault(text, known)
    return found


def products_of(session: Session, texts: Iterable[str]) -> dict[str, Known]:
    """Which products the texts mean, by external id first, then by display id. Those of none are left out."""
    found: dict[str, Known] = {}
    for part in _parts(texts):
        rows = session.execute(
            select(Product.id, Product.external_id).where(or_(Product.external_id.in_(part), Product.id.in_(part)))
        ).all()
        known = [Known(row.id, row.external_id) for row in rows]
        found |= {each.external_id: each for each in known if each.external_id is not None}
        for each in known:
            found.setdefault(each.id, each)
    return found


def _by_id(session: Session, display_id: str) -> Customer | None:
    customer = session.get(Customer, display_id)
    return customer if customer is not None and customer.deleted_at is None else None


def _customer_texts(session: Session, customer: Customer | None, asked: str) -> set[str]:
    if customer is None:
        return {asked}
    aliases = session.scalars(select(CustomerAlias.alias).where(CustomerAlias.customer_id == customer.id))
    return {customer.id, *aliases, *([customer.external_id] if customer.external_id else [])}


def _product_texts(product: Product | None, asked: str) -> set[str]:
    if product is None:
        return {asked}
    return {product.id, *([product.external_id] if product.external_id else [])}


def _parts(texts: Iterable[str]) -> list[list[str]]:
    distinct = sorted(set(texts))
    return [distinct[start : start + _AT_ONCE] for start in range(0, len(distinct), _AT_ONCE)]
