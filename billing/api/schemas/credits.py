"""Bodies of balances, grants, transactions and pending consumption."""

from typing import Annotated, Literal

from pydantic import Field

from billing.api.model import Model, Time
from billing.api.schemas.credit_currencies import CurrencyKey
from billing.ledger import transactions
from billing.ledger.balances import Balance, GrantBalance
from billing.units import MICRO, Credits, Number, decimal_text, from_micro


class CreditGrant(Model):
    """A grant as it stands. available is capped within the rollover window."""

    available: Number
    used: Number
    total: Number
    rollover_amount: Number | None = None
    period_start: Time
    period_end: Time | None = None
    rollover_end_date: Time | None = None
    expires_at: Time | None = None
    is_in_rollover_window: bool


class CreditBalance(Model):
    """The credits of one currency that the organization, or all its seats, have."""

    credits_currency_id: str
    currency_name: str
    currency_key: str
    available: Number
    used: Number
    total: Number
    period_start: Time | None = None
    period_end: Time | None = None
    rollover_end_date: Time | None = None
    recipient: Literal["organization", "seat"]
    grants: list[CreditGrant]


class CreditBalanceList(Model):
    """All balances of a customer."""

    data: list[CreditBalance]


class CreditGrantCreate(Model):
    """Credits to give at once. startsAt: not after now, now when left out. expiresAt: never when left out."""

    credit_currency_key: CurrencyKey
    amount: Annotated[Credits, Field(gt=0)]
    starts_at: Time | None = None
    expires_at: Time | None = None


class CreditCurrencyName(Model):
    """A currency, by its key."""

    key: str
    name: str


class CreditCustomer(Model):
    """A customer, by its ids."""

    id: str
    external_id: str | None = None


class CreditProduct(Model):
    """A product, by its ids."""

    id: str
    external_id: str | None = None
    name: str


class CreditGrantResult(Model):
    """A grant that was made. amount: without its fraction; amountDecimal: exact."""

    amount: int
    amount_decimal: str
    starts_at: Time
    expires_at: Time | None = None
    status: Literal["active"] = "active"


class GrantCustomerCredits(Model):
    """created: false when the same request had made the grant before."""

    created: bool
    customer: CreditCustomer
    credit_currency: CreditCurrencyName
    grant: CreditGrantResult
    created_at: Time


class CreditTransaction(Model):
    """A line of the ledger. amount: exact, negative where credits are fewer after it."""

    id: str
    customer: CreditCustomer
    credit_currency: CreditCurrencyName
    type: transactions.TransactionType
    amount: str
    origin_code: str
    event_name: str | None = None
    signal_id: str | None = None
    order_id: str | None = None
    product: CreditProduct | None = None
    created_at: Time


class PendingCreditConsumption(Model):
    """Usage that no credits have been found for. credits: without its fraction."""

    credits: int
    credits_decimal: str
    credit_currency: CreditCurrencyName
    order_id: str | None = None
    event_name: str | None = None
    occurred_at: Time
    recorded_at: Time


def shown_balance(balance: Balance) -> CreditBalance:
    """A balance as the API has it."""
    ends = [grant.period_end for grant in balance.grants if grant.period_end is not None]
    rollovers = [grant.rollover_end for grant in balance.grants if grant.rollover_end is not None]
    return CreditBalance(
        credits_currency_id=balance.currency_id,
        currency_name=balance.currency_name,
        currency_key=balance.currency_key,
        available=from_micro(balance.available),
        used=from_micro(balance.used),
        total=from_micro(balance.total),
        period_start=min((grant.period_start for grant in balance.grants), default=None),
        period_end=max(ends, default=None),
        rollover_end_date=max(rollovers, default=None),
        recipient="seat" if balance.recipient == "seat" else "organization",
        grants=[_shown_grant(grant) for grant in balance.grants],
    )


def shown_transaction(line: transactions.Transaction) -> CreditTransaction:
    """A transaction as the API has it."""
    product = None
    if line.product_id is not None and line.product_name is not None:
        product = CreditProduct(id=line.product_id, external_id=line.product_external_id, name=line.product_name)
    return CreditTransaction(
        id=line.id,
        customer=CreditCustomer(id=line.customer_id, external_id=line.customer_external_id),
        credit_currency=CreditCurrencyName(key=line.currency_key, name=line.currency_name),
        type=line.type,
        amount=decimal_text(line.amount),
        origin_code=line.origin,
        event_name=line.event_name,
        signal_id=line.signal_id,
        order_id=line.order_id,
        product=product,
        created_at=line.created_at,
    )


def shown_waiting(waiting: transactions.Waiting) -> PendingCreditConsumption:
    """Pending consumption as the API has it."""
    return PendingCreditConsumption(
        credits=waiting.micro // MICRO,
        credits_decimal=decimal_text(from_micro(waiting.micro)),
        credit_currency=CreditCurrencyName(key=waiting.currency_key, name=waiting.currency_name),
        order_id=waiting.order_id,
        event_name=waiting.event_name,
        occurred_at=waiting.occurred_at,
        recorded_at=waiting.recorded_at,
    )


def _shown_grant(grant: GrantBalance) -> CreditGrant:
    return CreditGrant(
        available=from_micro(grant.available),
        used=from_micro(grant.used),
        total=from_micro(grant.total),
        rollover_amount=None if grant.rollover is None else from_micro(grant.rollover),
        period_start=grant.period_start,
        period_end=grant.period_end,
        rollover_end_date=grant.rollover_end,
        expires_at=grant.expires_at,
        is_in_rollover_window=grant.is_in_rollover_window,
    )
