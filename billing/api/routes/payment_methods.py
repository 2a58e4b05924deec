"""`/payment-methods`: how customers pay, kept by the payment provider."""

from typing import Annotated

from fastapi import Query
from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.api.errors import ApiError, not_implemented
from billing.api.model import EmptyResponse, Text
from billing.api.paging import Listed, Paged, listed
from billing.api.requests import Shared, router
from billing.api.schemas.portals import PaymentMethod, PaymentMethodCreate, PaymentMethodSetup, SetupIntent
from billing.checkout.methods import keep_method, make_default, method_by_id, name_at_provider, remove_method
from billing.checkout.providers import KeepsMethods, ProviderError
from billing.context import Billing
from billing.customers.find import customer_by_external_id, customer_by_id
from billing.tables.checkouts import PaymentMethod as Row
from billing.tables.checkouts import ProviderCustomer
from billing.tables.customers import Customer

routes = router("payment methods")


@routes.get("/payment-methods", response_model_exclude_none=True)
def list_payment_methods(
    billing: Shared,
    part: Paged,
    customer_id: Annotated[Text | None, Query(alias="customerId")] = None,
    external_customer_id: Annotated[Text | None, Query(alias="externalCustomerId")] = None,
) -> Listed[PaymentMethod]:
    """All ways to pay, or a customer's, the newest first."""
    query = select(Row).where(Row.deleted_at.is_(None)).order_by(Row.created_at.desc(), Row.id)
    with billing.database.read() as session:
        if customer_id is not None or external_customer_id is not None:
            query = query.where(Row.customer_id == _customer(session, customer_id, external_customer_id).id)
        return listed(session, query, part, _shown)


@routes.post("/payment-methods", response_model_exclude_none=True)
def create_payment_method(billing: Shared, body: PaymentMethodCreate) -> PaymentMethodSetup:
    """Keep what the buyer entered at the provider as a way to pay; 501 where there is no provider."""
    provider = _keeper(billing)
    now = billing.clock()
    with billing.database.read() as session:
        customer = _customer(session, body.customer_id, body.external_customer_id)
        known = session.get(ProviderCustomer, (customer.id, billing.payments.name))
        external = None if known is None else known.external_id
    try:
        kept = provider.keep(
            customer.id, external, customer.name, customer.email, body.confirmation_token, body.return_url,
            body.metadata,
        )  # fmt: skip
    except ProviderError as error:
        raise ApiError(400, "Payment provider", str(error)) from None

    def work(session: Session) -> None:
        name_at_provider(session, customer.id, billing.payments.name, kept.customer)
        if kept.method is not None:
            keep_method(session, customer.id, billing.payments.name, kept.method, now)

    billing.database.write(work)
    return PaymentMethodSetup(
        setup_intent=SetupIntent(id=kept.setup_id, client_secret=kept.client_secret, status=kept.status),
        external_payment_method_id=None if kept.method is None else kept.method["id"], customer_id=customer.id,
    )  # fmt: skip


@routes.get("/payment-methods/{method_id}", response_model_exclude_none=True)
def get_payment_method(billing: Shared, method_id: str) -> PaymentMethod:
    """One way to pay; 501 where there is no provider."""
    _keeper(billing)
    with billing.database.read() as session:
        return _shown(method_by_id(session, method_id))


@routes.delete("/payment-methods/{method_id}", response_model_exclude_none=True)
def delete_payment_method(billing: Shared, method_id: str) -> EmptyResponse:
    """Forget a way to pay, at the provider too; 501 where there is no provider."""
    provider = _keeper(billing)
    now = billing.clock()
    with billing.database.read() as session:
        external = method_by_id(session, method_id).external_id
    try:
        provider.forget(external)
    except ProviderError as error:
        raise ApiError(400, "Payment provider", str(error)) from None
    billing.database.write(lambda session: remove_method(session, method_by_id(session, method_id), now))
    return EmptyResponse()


@routes.post("/payment-methods/{method_id}/set-default", response_model_exclude_none=True)
def update_default_payment_method(billing: Shared, method_id: str) -> PaymentMethod:
    """The customer pays with this one from now on."""
    _keeper(billing)
    now = billing.clock()

    def work(session: Session) -> PaymentMethod:
        row = method_by_id(session, method_id)
        make_default(session, row, now)
        return _shown(row)

    return billing.database.write(work)


def _customer(session: Session, customer_id: str | None, external_id: str | None) -> Customer:
    if customer_id is not None:
        return customer_by_id(session, customer_id)
    return customer_by_external_id(session, external_id or "")


def _shown(row: Row) -> PaymentMethod:
    fields = ("id", "customer_id", "type", "is_default", "card", "created_at")
    return PaymentMethod.model_validate(
        {name: getattr(row, name) for name in fields} | {"external_payment_method_id": row.external_id}
    )


def _keeper(billing: Billing) -> KeepsMethods:
    """The provider that keeps ways to pay. Raises the API's 501 where payments are confirmed by hand."""
    if not isinstance(billing.payments, KeepsMethods):
        raise not_implemented("payments are confirmed by hand here; set up a payment provider to keep payment methods")
    return billing.payments
