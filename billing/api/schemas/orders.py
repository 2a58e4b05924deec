"""Bodies of orders and their seats. Amounts are integer minor units (cents)."""

from datetime import datetime
from typing import Annotated, Any, Literal, cast

from pydantic import Field, model_validator

from billing.api.model import Metadata, Model, Text, Time
from billing.api.schemas.order_lines import Frequency, LineCreate, LineType, Months, OrderLine
from billing.catalog.price_points import Currency
from billing.orders.status import Status, status_of
from billing.orders.totals import Totals
from billing.tables import orders as tables
from billing.tables.catalog import Product
from billing.tables.customers import CustomerUser

CreationState = Literal["draft", "active"]
Anchor = Annotated[int, Field(ge=1, le=31)]
ContactIds = Annotated[list[Text], Field(max_length=100)]


class FrequencyOverride(Model):
    """How often the order is billed, whatever its prices say."""

    frequency: Frequency
    custom_months: Months | None = None

    @model_validator(mode="after")
    def _custom_has_months(self) -> "FrequencyOverride":
        if (self.frequency == "custom") != (self.custom_months is not None):
            raise ValueError("customMonths belongs to the custom frequency, and to no other")
        return self


class OrderCreate(Model):
    """A new order; a draft unless creationState is active."""

    customer_id: Text
    billing_customer_id: Text | None = None
    billing_contact_ids: ContactIds | None = None
    name: Text | None = None
    start_date: Time | None = None
    end_date: Time | None = None
    subscription_terms: Months | None = None
    creation_state: CreationState | None = None
    billing_anchor: Anchor | None = None
    payment_terms: Text | None = None
    external_id: Text | None = None
    metadata: Metadata | None = None
    currency: Currency | None = None
    auto_post_invoices: bool | None = None
    auto_send_billing_emails: bool | None = None
    auto_send_payment_emails: bool | None = None
    lines: Annotated[list[LineCreate], Field(max_length=200)] | None = None
    billing_frequency_override: FrequencyOverride | None = None
    purchase_order_reference: Text | None = None


class OrderUpdate(Model):
    """What changes. Dates, terms and anchor only of a draft: an active order is amended."""

    name: Text | None = None
    start_date: Time | None = None
    end_date: Time | None = None
    subscription_terms: Months | None = None
    creation_state: CreationState | None = None
    billing_anchor: Anchor | None = None
    payment_terms: Text | None = None
    external_id: Text | None = None
    metadata: Metadata | None = None
    billing_customer_id: Text | None = None
    billing_contact_ids: ContactIds | None = None
    auto_post_invoices: bool | None = None
    auto_send_billing_emails: bool | None = None
    auto_send_payment_emails: bool | None = None
    purchase_order_reference: Text | None = None


class OrderEnd(Model):
    """When it is to end; now where it does not say."""

    end_date: Time | None = None


class Order(Model):
    """An order. orderAmount: of its term, or of one period of each price where it has no end; usage is not in it."""

    id: str
    customer_id: str
    billing_customer_id: str | None = None
    billing_contact_ids: list[str]
    created_at: Time
    updated_at: Time
    end_date: Time | None = None
    name: str
    start_date: Time
    subscription_terms: int | None = None
    billing_anchor: int | None = None
    billed_amount_no_tax: int
    billed_tax: int = 0
    estimated_tax: int = 0
    order_amount: int
    pending_billing_amount: int
    total_amount: int
    total_billed_amount: int
    creation_state: CreationState
    status: Status
    payment_terms: str | None = None
    number: int
    external_id: str | None = None
    currency: str
    metadata: Metadata | None = None
    show_payment_link: bool = False
    show_bank_details: bool = False
    auto_post_invoices: bool
    auto_send_billing_emails: bool
    auto_send_payment_emails: bool
    version: int
    billing_frequency_overridden: bool
    billing_frequency_override: FrequencyOverride | None = None
    purchase_order_reference: str | None = None


class SeatAssignee(Model):
    """Who has a seat."""

    id: str
    external_id: str
    email: str | None = None


class OrderSeat(Model):
    """A seat of an order."""

    id: str
    order_id: str
    product_external_id: str | None = None
    status: Literal["assigned", "unassigned"]
    assignee: SeatAssignee | None = None
    created_at: Time
    updated_at: Time


class SeatUpdate(Model):
    """Who gets the seat; null or nothing: nobody."""

    user_external_id: Text | None = None


class SeatAssignment(Model):
    """Who gets a seat."""

    seat_id: Text
    user_external_id: Text | None = None


class SeatAssignments(Model):
    """Seats to be given or freed, all of them or none."""

    assignments: Annotated[list[SeatAssignment], Field(min_length=1, max_length=1000)]


class SeatsAssigned(Model):
    """The seats of a request, as they are then."""

    data: list[OrderSeat]


def shown_order(row: tables.Order, of: Totals, now: datetime) -> Order:
    """An order as the API shows it at a moment."""
    override: dict[str, Any] | None = row.billing_frequency_override
    return Order(
        id=row.id, customer_id=row.customer_id, billing_customer_id=row.billing_customer_id,
        billing_contact_ids=row.billing_contact_ids, created_at=row.created_at, updated_at=row.updated_at,
        end_date=row.end_date, name=row.name, start_date=row.start_date, subscription_terms=row.subscription_terms,
        billing_anchor=row.billing_anchor, billed_amount_no_tax=of.billed, order_amount=of.amount,
        pending_billing_amount=of.pending, total_amount=of.amount, total_billed_amount=of.billed,
        creation_state=cast(CreationState, row.creation_state), status=status_of(row, now),
        payment_terms=row.payment_terms, number=row.number, external_id=row.external_id, currency=row.currency,
        metadata=row.details, auto_post_invoices=row.auto_post_invoices,
        auto_send_billing_emails=row.auto_send_billing_emails, auto_send_payment_emails=row.auto_send_payment_emails,
        version=row.version, billing_frequency_overridden=override is not None,
        billing_frequency_override=None if override is None else FrequencyOverride.model_validate(override),
        purchase_order_reference=row.purchase_order_reference,
    )  # fmt: skip


def shown_order_line(row: tables.OrderLine) -> OrderLine:
    """A line as the API shows it."""
    return OrderLine(
        id=row.id, product_id=row.product_id, plan_id=row.plan_id, name=row.name, description=row.description,
        start_date=row.start_date, end_date=row.end_date, line_type=cast(LineType, row.line_type),
        quantity=row.quantity,
    )  # fmt: skip


def shown_seat(row: tables.OrderSeat, product: Product, user: CustomerUser | None) -> OrderSeat:
    """A seat as the API shows it."""
    return OrderSeat(
        id=row.id, order_id=row.order_id, product_external_id=product.external_id,
        status="unassigned" if user is None else "assigned",
        assignee=None if user is None else SeatAssignee(id=user.id, external_id=user.external_id, email=user.email),
        created_at=row.created_at, updated_at=row.updated_at,
    )  # fmt: skip
