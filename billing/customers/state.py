"""The state of a customer at a moment, read in one transaction: orders, seats, checkout links and credits."""

from collections.abc import Callable, Iterable
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from billing.api.schemas.checkouts import Checkout as Shown
from billing.api.schemas.customer_state import (
    CustomerState,
    StateAssignee,
    StateCheckoutLink,
    StateCreditBalance,
    StateCredits,
    StateCustomer,
    StateOrder,
    StateProduct,
    StateSeat,
    StateSeats,
)
from billing.checkout.terms import shown
from billing.context import Billing
from billing.ledger.balances import ORGANIZATION, Balance, GrantBalance, balances
from billing.orders.status import status_of
from billing.tables.catalog import Product
from billing.tables.checkouts import Checkout
from billing.tables.customers import Customer, CustomerUser
from billing.tables.orders import Order, OrderSeat
from billing.units import from_micro


def state_of(session: Session, billing: Billing, customer: Customer, now: datetime) -> CustomerState:
    """Everything about a customer that an application asks before it works for it."""
    found = select(Order).where(Order.customer_id == customer.id, Order.deleted_at.is_(None))
    orders = list(session.scalars(found.order_by(Order.number)))
    held = balances(session, customer.id, now, allow_negative=billing.allow_negative)
    return CustomerState(
        customer=StateCustomer.model_validate(customer),
        default_currency=customer.default_currency,
        orders=[_order(order, now) for order in orders],
        seats=_seats(session, [order for order in orders if status_of(order, now) != "ended"], held),
        checkout_links=_links(session, billing, customer, now),
        credits=StateCredits(
            balances=[_balance(each, each.available) for each in held if each.recipient == ORGANIZATION]
        ),
        timestamp=now,
    )


def _order(order: Order, now: datetime) -> StateOrder:
    return StateOrder(
        id=order.id, external_id=order.external_id, name=order.name, state=status_of(order, now),
        currency=order.currency, start_date=order.start_date, end_date=order.end_date, effective_until=order.end_date,
    )  # fmt: skip


def _seats(session: Session, orders: Iterable[Order], held: Iterable[Balance]) -> StateSeats:
    query = (
        select(OrderSeat, Product, CustomerUser)
        .join(Product, Product.id == OrderSeat.product_id)
        .join(CustomerUser, CustomerUser.id == OrderSeat.user_id, isouter=True)
        .where(OrderSeat.order_id.in_([order.id for order in orders]), OrderSeat.ended_at.is_(None))
        .order_by(OrderSeat.order_id, OrderSeat.order_line_id, OrderSeat.position)
    )
    of_seats = [each for each in held if each.recipient != ORGANIZATION]
    seats = [
        StateSeat(
            id=seat.id,
            order_id=seat.order_id,
            product=StateProduct.model_validate(product),
            status="unassigned" if user is None else "assigned",
            assignee=None if user is None else StateAssignee.model_validate(user),
            credits=_of_seat(of_seats, seat),
        )
        for seat, product, user in session.execute(query).all()
    ]
    assigned = sum(seat.assignee is not None for seat in seats)
    return StateSeats(total=len(seats), assigned=assigned, unassigned=len(seats) - assigned, data=seats)


def _of_seat(held: Iterable[Balance], seat: OrderSeat) -> StateCredits:
    def is_its(grant: GrantBalance) -> bool:
        place = (seat.user_id, seat.order_id, seat.product_id)
        return seat.user_id is not None and (grant.seat_user_id, grant.order_id, grant.product_id) == place

    return StateCredits(balances=list(_summed(held, is_its)))


def _summed(held: Iterable[Balance], counts: Callable[[GrantBalance], bool]) -> Iterable[StateCreditBalance]:
    for each in held:
        grants = [grant.available for grant in each.grants if counts(grant)]
        if grants:
            yield _balance(each, sum(grants))


def _balance(held: Balance, micro: int) -> StateCreditBalance:
    return StateCreditBalance(
        credits_currency_id=held.currency_id, currency_name=held.currency_name, currency_key=held.currency_key,
        balance=from_micro(micro),
    )  # fmt: skip


def _links(session: Session, billing: Billing, customer: Customer, now: datetime) -> list[StateCheckoutLink]:
    theirs = Checkout.customer_id == customer.id
    if customer.external_id is not None:
        theirs = or_(theirs, Checkout.external_customer_id == customer.external_id)
    rows = session.scalars(select(Checkout).where(theirs).order_by(Checkout.created_at.desc(), Checkout.id))
    return [_link(shown(row, now, billing.public_url)) for row in rows]


def _link(link: Shown) -> StateCheckoutLink:
    return StateCheckoutLink(
        id=link.id, url=link.url, status=link.status, product_ids=[product.id for product in link.products],
        single_use=link.single_use, allowed_currencies=link.allowed_currencies, expires_at=link.expires_at,
    )  # fmt: skip
