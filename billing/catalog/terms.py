"""Prices and benefits as they are written down: checked against the currencies there are, benefits with their ids."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.api.errors import invalid
from billing.catalog.pricing import CreditBenefit, CreditBenefitInput, Pricing, UsageBracketedPrepaidCredits, stored
from billing.ids import new_id
from billing.tables.ledger import CreditCurrency


def pricing_terms(session: Session, pricing: Pricing, where: str = "pricing") -> dict[str, Any]:
    """The pricing as its column keeps it. Raises the API's 400 for a currency of credits that there is not.

    Brackets that name no currency are in the organization's only one. where: what the message calls the pricing.
    """
    if isinstance(pricing, UsageBracketedPrepaidCredits) and pricing.credits_currency_id is None:
        pricing = pricing.model_copy(update={"credits_currency_id": only_currency(session, where)})
    named = getattr(pricing, "credits_currency_id", None)
    if named is not None:
        check_currencies(session, [named], where)
    return stored(pricing)


def benefit_terms(
    session: Session, benefits: Iterable[CreditBenefitInput], before: Sequence[Any], where: str = "creditBenefits"
) -> list[dict[str, Any]]:
    """The benefits as their column keeps them. One for the currency and recipient of one before keeps its id."""
    known = {(each["creditsCurrencyId"], each["recipient"]): each["id"] for each in before}
    wanted = list(benefits)
    check_currencies(session, [each.credits_currency_id for each in wanted], where)
    return [
        stored(
            CreditBenefit(
                **each.model_dump(), id=known.pop((each.credits_currency_id, each.recipient), None) or new_id("cb")
            )
        )
        for each in wanted
    ]


def only_currency(session: Session, where: str) -> str:
    """The id of the organization's only currency of credits. Raises the API's 400 when it has none or several."""
    ids = session.scalars(select(CreditCurrency.id).where(CreditCurrency.status == "active").limit(2)).all()
    if len(ids) != 1:
        have = "none" if not ids else "several"
        raise invalid(f"{where}.creditsCurrencyId: needed, as there are {have} to choose from")
    return ids[0]


def check_currencies(session: Session, ids: Sequence[str], where: str) -> None:
    """Raises the API's 400 for an id of no currency of credits."""
    if not ids:
        return
    known = set(session.scalars(select(CreditCurrency.id).where(CreditCurrency.id.in_(ids))))
    unknown = next((each for each in ids if each not in known), None)
    if unknown is not None:
        raise invalid(f"{where}.creditsCurrencyId: no credit currency {unknown!r}")
