"""What was bought: orders, their lines, and the dated prices that each line's attributes have had."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from billing.tables.base import Base, Stamped


class Order(Stamped, Base):
    """An order. Its status (draft, active, paused, ended) follows from its fields and the time of day."""

    __tablename__ = "orders"

    id: Mapped[str] = mapped_column(primary_key=True)  # ord_…
    number: Mapped[int] = mapped_column(unique=True)
    version: Mapped[int]
    external_id: Mapped[str | None] = mapped_column(unique=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"), index=True)
    billing_customer_id: Mapped[str | None] = mapped_column(ForeignKey("customers.id"))
    billing_contact_ids: Mapped[list[Any]]
    name: Mapped[str]
    creation_state: Mapped[str]  # draft | active
    currency: Mapped[str]
    start_date: Mapped[datetime]
    end_date: Mapped[datetime | None]  # exclusive
    subscription_terms: Mapped[int | None]  # months
    billing_anchor: Mapped[int | None]  # day of the month, 1 to 31
    billing_frequency_override: Mapped[dict[str, Any] | None]
    payment_terms: Mapped[str | None]
    auto_post_invoices: Mapped[bool]
    auto_send_billing_emails: Mapped[bool]
    auto_send_payment_emails: Mapped[bool]
    purchase_order_reference: Mapped[str | None]
    details: Mapped[dict[str, Any] | None] = mapped_column("metadata")
    activated_at: Mapped[datetime | None]
    paused_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    next_due: Mapped[datetime | None] = mapped_column(index=True)  # when credits or an invoice are due next

    lines: Mapped[list["OrderLine"]] = relationship(order_by="OrderLine.position")


class OrderLine(Stamped, Base):
    """A product of an order. `plan_id` null: it follows the product's default plan, or the product itself."""

    __tablename__ = "order_lines"

    id: Mapped[str] = mapped_column(primary_key=True)  # ol_…
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), index=True)
    position: Mapped[int]
    product_id: Mapped[str] = mapped_column(ForeignKey("products.id"), index=True)
    plan_id: Mapped[str | None] = mapped_column(ForeignKey("plans.id"))
    name: Mapped[str]
    description: Mapped[str | None]
    line_type: Mapped[str]  # STANDARD | PRORATION_CREDIT | PRORATION_CHARGE | CREDIT
    start_date: Mapped[datetime]
    end_date: Mapped[datetime | None]
    overrides: Mapped[list[Any] | None]  # attributes as the order's author wrote them
    quantity: Mapped[int | None]  # seats, where a price is by the seat; null: 1


class OrderAttribute(Base):
    """The price of one attribute of an order line from `valid_from` to `valid_to` (exclusive): a dated snapshot.

    The one source for what an event burns or earns and for what is invoiced: a later change of product or plan closes
    a row and opens another, and never changes what is past. An event belongs to the row of its customer, product and
    `event_name` that was valid when it happened, on an order that was active then.
    """

    __tablename__ = "order_attributes"
    __table_args__ = (Index("ix_order_attributes_match", "product_id", "event_name"),)

    id: Mapped[str] = mapped_column(primary_key=True)  # oa_…
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), index=True)
    order_line_id: Mapped[str] = mapped_column(ForeignKey("order_lines.id"), index=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"), index=True)
    product_id: Mapped[str] = mapped_column(ForeignKey("products.id"))
    product_attribute_id: Mapped[str | None]
    name: Mapped[str]
    event_name: Mapped[str | None]  # of usage prices
    pricing_type: Mapped[str]
    pricing: Mapped[dict[str, Any]]
    credit_benefits: Mapped[list[Any]]
    quantity: Mapped[int]  # seats, or units bought
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    series: Mapped[str | None]  # the same for all rows that follow one another; null: its id
    position: Mapped[int | None]  # among the attributes of its order, as they are shown
    opened_by: Mapped[str | None]  # activation, catalog, resume, amendment, plan: why it begins
    first_period: Mapped[str | None]  # none, full: how the part of a period it begins in is charged; null: by the day
    ended_by: Mapped[str | None]  # amendment: it stays ended, whatever the catalog says

    @property
    def thread(self) -> str:
        """What the rows of one attribute of one line have in common, however often its price changed."""
        return self.series or self.id


class OrderSeat(Stamped, Base):
    """A place for one user on an order. Its attribute says, by the rows of its series, what it costs and brings."""

    __tablename__ = "order_seats"
    __table_args__ = (UniqueConstraint("order_line_id", "position"),)

    id: Mapped[str] = mapped_column(primary_key=True)  # seat_…
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), index=True)
    order_line_id: Mapped[str] = mapped_column(ForeignKey("order_lines.id"))
    product_id: Mapped[str] = mapped_column(ForeignKey("products.id"))
    position: Mapped[int]
    user_id: Mapped[str | None] = mapped_column(ForeignKey("customer_users.id"), index=True)
    ended_at: Mapped[datetime | None]  # since there are fewer


class OrderGrant(Base):
    """Credits of an order that wait for an invoice: that of `billing_date`, to be posted or to be paid."""

    __tablename__ = "order_grants"
    __table_args__ = (Index("ix_order_grants_waiting", "order_id", "billing_date"),)

    key: Mapped[str] = mapped_column(primary_key=True)  # that of the grant in the ledger
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"))
    timing: Mapped[str]  # on_invoice_posted | on_payment
    billing_date: Mapped[datetime]
    released_at: Mapped[datetime | None]


class Amendment(Base):
    """A change of an active order, as it was asked for and as it was done."""

    __tablename__ = "order_amendments"

    id: Mapped[str] = mapped_column(primary_key=True)  # am_…
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), index=True)
    version: Mapped[int]  # of the order after it
    intents: Mapped[list[Any]]
    plan: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
