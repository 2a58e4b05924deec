"""The body of a customer's state: what an agent asks before it works for somebody."""

from billing.api.model import Model, Time
from billing.api.schemas.checkouts import CheckoutStatus
from billing.api.schemas.customers import BillingAddress
from billing.orders.status import Status
from billing.units import Credits


class StateCustomer(Model):
    """Whose state it is."""

    id: str
    name: str
    external_id: str | None = None
    billing_address: BillingAddress | None = None


class StateOrder(Model):
    """An order. effective_until: when it stops to apply; absent where no end is in sight."""

    id: str
    external_id: str | None = None
    name: str
    state: Status
    currency: str
    start_date: Time
    end_date: Time | None = None
    effective_until: Time | None = None


class StateCreditBalance(Model):
    """What is available of one currency."""

    credits_currency_id: str
    currency_name: str
    currency_key: str
    balance: Credits


class StateCredits(Model):
    """What is available of each currency."""

    balances: list[StateCreditBalance]


class StateProduct(Model):
    """The product of a seat."""

    id: str
    external_id: str | None = None
    name: str


class StateAssignee(Model):
    """Who has a seat."""

    id: str
    external_id: str
    name: str | None = None
    email: str | None = None


class StateSeat(Model):
    """A seat and the credits of its own."""

    id: str
    order_id: str
    product: StateProduct
    status: str
    assignee: StateAssignee | None = None
    credits: StateCredits


class StateSeats(Model):
    """The seats of orders that are not over."""

    total: int
    assigned: int
    unassigned: int
    data: list[StateSeat]


class StateCheckoutLink(Model):
    """A link by which the customer can buy, or could."""

    id: str
    url: str
    status: CheckoutStatus
    product_ids: list[str]
    single_use: bool
    allowed_currencies: list[str]
    expires_at: Time | None = None


class CustomerState(Model):
    """All of it at one moment."""

    customer: StateCustomer
    default_currency: str
    orders: list[StateOrder]
    seats: StateSeats
    checkout_links: list[StateCheckoutLink]
    credits: StateCredits
    timestamp: Time
