"""The ledger as its readers see it: what was granted and what was spent, the newest first."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Select, String, and_, case, cast, func, literal, literal_column, not_, or_, select
from sqlalchemy.orm import Session

from billing.ledger.book import ENTRIES, GRANTS, PENDING, WALLETS
from billing.tables.catalog import Product
from billing.tables.customers import Customer
from billing.tables.ledger import CreditCurrency
from billing.units import from_micro

TransactionType = Literal["grant", "spend", "pendingGrant"]

OVERAGE: Final = "overage"
"""The origin of spends that no credits bear but a price."""
UNKNOWN: Final = "unknown"

_SOURCE, _TARGET, _KIND = ENTRIES.c.debit_account, ENTRIES.c.credit_account, ENTRIES.c.kind

_UNFUNDED: Final[ColumnElement[str]] = literal_column("'unfunded'")
_SPENT: Final[ColumnElement[str]] = literal_column("'spent'")
_LISTED: Final = and_(
    not_(or_(and_(_SOURCE == _UNFUNDED, _TARGET == _SPENT), and_(_SOURCE == _SPENT, _TARGET == _UNFUNDED))),
    ENTRIES.c.amount_micro > literal_column("0"),
)
"""Consumption that waits for credits is listed once they are found, as a spend.

In the words of `ix_ledger_entries_listed`, without parameters: databases use the index for these only.
"""

_TYPE: Final = case(
    (or_(_KIND == "pendingGrant", _SOURCE == "pending") & (_KIND != "release"), "pendingGrant"),
    (_KIND.in_(("grant", "release", "void")), "grant"),
    else_="spend",
)

_ORIGIN: Final = case(
    (or_(_SOURCE == "overage", _TARGET == "overage"), OVERAGE), else_=func.coalesce(GRANTS.c.origin, UNKNOWN)
)

_IS_ADDED: Final = _KIND.in_(("grant", "pendingGrant", "release", "reversal"))


@dataclass(frozen=True)
class Transaction:
    """A line of a customer's ledger; amount: credits, negative where they are fewer after it."""

    id: str
    type: TransactionType
    amount: Decimal
    origin: str
    customer_id: str
    customer_external_id: str | None
    currency_key: str
    currency_name: str
    event_name: str | None
    signal_id: str | None
    order_id: str | None
    product_id: str | None
    product_external_id: str | None
    product_name: str | None
    created_at: datetime


@dataclass(frozen=True)
class Filter:
    """Which transactions; None: whatever. since and until include their moments."""

    customer_id: str | None = None
    currency_id: str | None = None
    currency_key: str | None = None
    type: TransactionType | None = None
    order_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Waiting:
    """Consumption that no credits have been found for, in micro-credits."""

    micro: int
    currency_key: str
    currency_name: str
    order_id: str | None
    event_name: str | None
    occurred_at: datetime
    recorded_at: datetime


def transactions(session: Session, only: Filter, limit: int, offset: int) -> tuple[list[Transaction], int]:
    """A part of the transactions that the filter lets through, the newest first, and how many those are in all."""
    kept = [_LISTED, *_conditions(only)]
    chosen = select(ENTRIES.c.id).where(*kept).order_by(ENTRIES.c.occurred_at.desc(), ENTRIES.c.id.desc())
    total = session.execute(select(func.count()).select_from(ENTRIES).where(*kept)).scalar() or 0
    shown = chosen.limit(limit).offset(offset).subquery()
    rows = session.execute(
        _lines().join(shown, shown.c.id == ENTRIES.c.id).order_by(ENTRIES.c.occurred_at.desc(), ENTRIES.c.id.desc())
    )
    return [_transaction(row) for row in rows], total


def all_transactions() -> Select[Any]:
    """All transactions in no order: id, type, signed micro-credits, origin, ids of customer and currency's key, event,
    signal, order, product, moment.
    """
    signed = case((_IS_ADDED, ENTRIES.c.amount_micro), else_=-ENTRIES.c.amount_micro)
    return (
        select(
            literal("txn_") + cast(ENTRIES.c.id, String), _TYPE, signed, _ORIGIN, ENTRIES.c.customer_id,
            CreditCurrency.key, ENTRIES.c.event_name, ENTRIES.c.signal_id, ENTRIES.c.order_id, ENTRIES.c.product_id,
            ENTRIES.c.occurred_at,
        )
        .join_from(ENTRIES, CreditCurrency, CreditCurrency.id == ENTRIES.c.currency_id)
        .outerjoin(GRANTS, GRANTS.c.id == ENTRIES.c.grant_id)
        .where(_LISTED)
    )  # fmt: skip


def pending_consumption(session: Session, customer_id: str, limit: int, offset: int) -> tuple[list[Waiting], int]:
    """A part of what the customer has burned without credits so far, the oldest first, and how many those are."""
    of_customer = WALLETS.c.customer_id == customer_id
    joined = select(func.count()).join_from(PENDING, WALLETS, WALLETS.c.id == PENDING.c.wallet_id).where(of_customer)
    total = session.execute(joined).scalar() or 0
    query = (
        select(
            PENDING.c.remaining_micro, CreditCurrency.key, CreditCurrency.name, PENDING.c.order_id,
            PENDING.c.event_name, PENDING.c.occurred_at, PENDING.c.recorded_at,
        )
        .join_from(PENDING, WALLETS, WALLETS.c.id == PENDING.c.wallet_id)
        .join(CreditCurrency, CreditCurrency.id == WALLETS.c.currency_id)
        .where(of_customer)
        .order_by(PENDING.c.occurred_at, PENDING.c.signal_id, PENDING.c.part)
    )  # fmt: skip
    rows = session.execute(query.limit(limit).offset(offset))
    return [Waiting(*row) for row in rows], total


def _conditions(only: Filter) -> list[ColumnElement[bool]]:
    kept: list[ColumnElement[bool]] = []
    for column, value in (
        (ENTRIES.c.customer_id, only.customer_id),
        (ENTRIES.c.currency_id, only.currency_id),
        (_TYPE, only.type),
        (ENTRIES.c.order_id, only.order_id),
    ):
        if value is not None:
            kept.append(column == value)
    if only.currency_key is not None:
        of_key = select(CreditCurrency.id).where(CreditCurrency.key == only.currency_key)
        kept.append(ENTRIES.c.currency_id.in_(of_key))
    if only.since is not None:
        kept.append(ENTRIES.c.occurred_at >= only.since)
    if only.until is not None:
        kept.append(ENTRIES.c.occurred_at <= only.until)
    return kept


def _lines() -> Select[Any]:
    return (
        select(
            ENTRIES.c.id, _TYPE.label("type"), _IS_ADDED.label("is_added"), ENTRIES.c.amount_micro,
            _ORIGIN.label("origin"),
            ENTRIES.c.customer_id, Customer.external_id.label("customer_external_id"),
            CreditCurrency.key.label("currency_key"), CreditCurrency.name.label("currency_name"),
            ENTRIES.c.event_name, ENTRIES.c.signal_id, ENTRIES.c.order_id, Product.id.label("product_id"),
            Product.external_id.label("product_external_id"), Product.name.label("product_name"), ENTRIES.c.occurred_at,
        )
        .join_from(ENTRIES, CreditCurrency, CreditCurrency.id == ENTRIES.c.currency_id)
        .join(Customer, Customer.id == ENTRIES.c.customer_id)
        .outerjoin(GRANTS, GRANTS.c.id == ENTRIES.c.grant_id)
        .outerjoin(Product, Product.id == ENTRIES.c.product_id)
    )  # fmt: skip


def _transaction(row: Any) -> Transaction:
    amount = from_micro(row.amount_micro)
    return Transaction(
        id=f"txn_{row.id}",
        type=row.type,
        amount=amount if row.is_added else -amount,
        origin=row.origin,
        customer_id=row.customer_id,
        customer_external_id=row.customer_external_id,
        currency_key=row.currency_key,
        currency_name=row.currency_name,
        event_name=row.event_name,
        signal_id=row.signal_id,
        order_id=row.order_id,
        product_id=row.product_id,
        product_external_id=row.product_external_id,
        product_name=row.product_name,
        created_at=row.occurred_at,
    )
