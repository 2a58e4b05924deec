"""Checkouts as rows: how they are made, what state they are in, how the API shows them."""

import secrets
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, or_
from sqlalchemy.orm import Session

from billing.api.errors import invalid
from billing.api.schemas.checkouts import Checkout as Shown
from billing.api.schemas.checkouts import CheckoutCreate, CheckoutDetails, CheckoutProduct, CheckoutStatus
from billing.catalog.effective import currencies_of
from billing.catalog.find import product_by_id
from billing.checkout.offers import plans_on_offer
from billing.customers.find import customer_by_id, customer_of_external
from billing.ids import new_id
from billing.tables.catalog import Plan
from billing.tables.checkouts import Checkout
from billing.webhooks.emit import emit

LIFETIME: Final = timedelta(hours=24)
_TOKEN_BYTES: Final = 24


def new_token() -> str:
    """A word of a link that nobody guesses: 192 random bits."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def create(session: Session, body: CheckoutCreate, now: datetime, public_url: str) -> Checkout:
    """A new checkout, flushed, and told of. Raises the API's 400 or 404 for what cannot be offered, or not to them."""
    if body.expires_at is not None and body.expires_at <= now:
        raise invalid("expiresAt: must be in the future")
    products = _offered(session, body.products)
    currencies = [body.currency] if body.currency else _currencies(session, products)
    if not currencies:
        raise invalid("currency: needed, as the products have no prices that tell one")
    customer_id = None if body.customer_id is None else customer_by_id(session, body.customer_id).id
    row = Checkout(
        **_blank(), id=new_id("chk"), token=new_token(), parent_id=None,
        products=[each.model_dump(by_alias=True, exclude_none=True) for each in products], customer_id=customer_id,
        external_customer_id=body.external_customer_id, success_url=body.success_url, cancel_url=body.cancel_url,
        expires_at=body.expires_at or now + LIFETIME, details=body.metadata, collect_address=body.collect_address,
        collect_phone=body.collect_phone, single_use=body.single_use, allowed_currencies=currencies,
        custom_cards=body.custom_cards and [
            each.model_dump(by_alias=True, exclude_none=True) for each in body.custom_cards
        ], created_at=now, updated_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    tell(session, "billing-checkout-created", row, now, public_url)
    return row


def start(session: Session, link: Checkout, now: datetime) -> Checkout:
    """The checkout in which somebody buys by a link: itself, or one of their own where it is for several."""
    if link.single_use:
        row = link
    else:
        taken = (
            "products", "customer_id", "external_customer_id", "success_url", "cancel_url", "expires_at", "details",
            "collect_address", "collect_phone", "allowed_currencies", "custom_cards",
        )  # fmt: skip
        row = Checkout(
            **_blank(), **{name: getattr(link, name) for name in taken}, id=new_id("chk"), token=new_token(),
            parent_id=link.id, single_use=True, created_at=now, updated_at=now,
        )  # fmt: skip
        session.add(row)
    row.session_token = new_token()
    row.started_at = row.updated_at = now
    session.flush()
    return row


def status_of(row: Checkout, now: datetime) -> CheckoutStatus:
    """What state a checkout is in. One for a single buyer is archived for all others once that one began."""
    if row.completed_at is not None:
        return "completed"
    if row.archived_at is not None:
        return "archived"
    if row.submitted_at is None and row.expires_at <= now:
        return "expired"
    return "active" if row.started_at is None else "archived"


def is_in(status: CheckoutStatus, now: datetime) -> ColumnElement[bool]:
    """Whether a row is in a state, in SQL; the same as `status_of`."""
    open_ = and_(Checkout.completed_at.is_(None), Checkout.archived_at.is_(None))
    over = and_(Checkout.submitted_at.is_(None), Checkout.expires_at <= now)
    running = or_(Checkout.submitted_at.is_not(None), Checkout.expires_at > now)
    if status == "completed":
        return Checkout.completed_at.is_not(None)
    if status == "expired":
        return and_(open_, over)
    if status == "active":
        return and_(open_, running, Checkout.started_at.is_(None))
    archived = or_(Checkout.archived_at.is_not(None), and_(running, Checkout.started_at.is_not(None)))
    return and_(Checkout.completed_at.is_(None), archived)


def shown(row: Checkout, now: datetime, public_url: str) -> Shown:
    """A checkout as lists show it."""
    return Shown.model_validate(_fields(row, now, public_url))


def shown_in_full(session: Session, row: Checkout, now: datetime, public_url: str) -> CheckoutDetails:
    """A checkout with what came of it."""
    fields = _fields(row, now, public_url) | {"order_id": row.order_id}
    if row.submitted_at is not None and row.completed_at is None and row.archived_at is None:
        fields["awaiting_confirmation"] = True
    if row.completed_at is not None and row.product_id is not None:
        plan = None if row.plan_id is None else session.get_one(Plan, row.plan_id)
        fields["selected_product"] = {"id": row.product_id, "plan": plan and {
            "id": plan.id, "name": plan.name, "external_id": plan.external_id,
        }}  # fmt: skip
    return CheckoutDetails.model_validate(fields)


def tell(session: Session, name: str, row: Checkout, now: datetime, public_url: str) -> None:
    """Queue a webhook about a checkout."""
    data = shown_in_full(session, row, now, public_url).model_dump(mode="json", by_alias=True, exclude_none=True)
    emit(session, name, row.id, data, now)


def _fields(row: Checkout, now: datetime, public_url: str) -> dict[str, Any]:
    names = (
        "id", "products", "customer_id", "external_customer_id", "success_url", "cancel_url", "expires_at",
        "collect_address", "collect_phone", "single_use", "allowed_currencies", "custom_cards", "created_at",
        "updated_at",
    )  # fmt: skip
    return {
        **{name: getattr(row, name) for name in names},
        "metadata": row.details,
        "url": f"{public_url}/checkout/{row.token}",
        "status": status_of(row, now),
    }


def _blank() -> dict[str, Any]:
    return dict.fromkeys(
        (
            "archived_at", "expiry_told_at", "session_token", "started_at", "product_id", "plan_id", "currency",
            "seats", "buyer", "submitted_at", "provider", "provider_session_id", "provider_url", "completed_at",
            "order_id",
        )
    )  # fmt: skip


def _offered(session: Session, wanted: list[CheckoutProduct]) -> list[CheckoutProduct]:
    for place, each in enumerate(wanted):
        product = product_by_id(session, each.id)
        for number, named in enumerate(each.plans or ()):
            plan = session.get(Plan, named.id)
            if plan is None or plan.product_id != product.id or plan.status != "active":
                raise invalid(f"products[{place}].plans[{number}].id: {product.id} has no active plan {named.id!r}")
    return wanted


def _currencies(session: Session, products: list[CheckoutProduct]) -> list[str]:
    found: set[str] = set()
    for each in products:
        product = product_by_id(session, each.id)
        plans = plans_on_offer(session, each)
        for plan in plans:
            found.update(currencies_of(plan))
        if not plans:
            terms = [attribute.pricing or {} for attribute in product.attributes if attribute.active]
            found.update(point["currency"] for pricing in terms for point in pricing.get("pricePoints") or ())
    return sorted(found) or ["USD"]


def known_customer(session: Session, row: Checkout) -> str | None:
    """The id of the customer that a checkout is for, if there is one already."""
    if row.customer_id is not None:
        return row.customer_id
    external = row.external_customer_id
    known = None if external is None else customer_of_external(session, external)
    return None if known is None else known.id
