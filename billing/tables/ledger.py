"""Credits: the currencies they are in, the grants that gave them, and the double-entry ledger of all that moved.

`credit_grants` and `ledger_entries` are the truth and only ever grow. `credit_debits` says what each signal burns at
present. `credit_wallets`, `credit_grant_totals` and `pending_consumption` are sums of the entries, kept in the same
transactions (`billing.ledger.check` compares them and makes them anew).
"""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from billing.columns import Exact
from billing.tables.append_only import append_only
from billing.tables.base import Base, Stamped

_Key = String().with_variant(String(collation="C"), "postgresql")
"""Text in the order of its bytes everywhere, so that keys are found by how they begin."""

_LISTED = text(
    "NOT (debit_account = 'unfunded' AND credit_account = 'spent'"
    " OR debit_account = 'spent' AND credit_account = 'unfunded') AND amount_micro > 0"
)
"""Entries that `billing.ledger.transactions` lists."""


class CreditCurrency(Stamped, Base):
    """A kind of credit. Archived ones still meter."""

    __tablename__ = "credit_currencies"

    id: Mapped[str] = mapped_column(primary_key=True)  # cc_…
    key: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    description: Mapped[str | None]
    status: Mapped[str]  # active | archived
    archived_at: Mapped[datetime | None]


class CreditGrant(Base):
    """The terms of a grant; they never change. See `billing.ledger.terms` for what can be spent when.

    main_end, last_end: the ends of the period and of all that can be spent, worked out from the terms.
    """

    __tablename__ = "credit_grants"
    __unaudited__ = True

    id: Mapped[str] = mapped_column(primary_key=True)  # gr_…
    key: Mapped[str] = mapped_column(unique=True)  # what makes it the same grant when it is asked for again
    wallet_id: Mapped[str] = mapped_column(ForeignKey("credit_wallets.id"), index=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"))
    currency_id: Mapped[str] = mapped_column(ForeignKey("credit_currencies.id"))
    amount_micro: Mapped[int]
    is_infinite: Mapped[bool]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]  # exclusive
    rollover_micro: Mapped[int | None]
    rollover_ends_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    main_end: Mapped[datetime | None]
    last_end: Mapped[datetime | None]
    origin: Mapped[str]  # purchased | promotional | a label
    priority: Mapped[int]  # smaller is spent earlier
    order_id: Mapped[str | None] = mapped_column(index=True)
    product_id: Mapped[str | None]
    seat_user_id: Mapped[str | None]
    overage_unit_price: Mapped[Decimal | None] = mapped_column(Exact)  # minor units per credit
    created_at: Mapped[datetime]


class LedgerEntry(Base):
    """`amount_micro` moves from `debit_account` to `credit_account` of one wallet; what moved is never changed.

    Accounts: `issued`, `pending` and `grant` (those of the entry's grant), `spent`, `overage`, `unfunded`, `void`.
    kind: grant | pendingGrant | release | spend | overage | unfunded | settle | reversal | void.
    """

    __tablename__ = "ledger_entries"
    __unaudited__ = True
    __table_args__ = (
        Index("ix_ledger_entries_customer", "customer_id", "occurred_at"),
        Index("ix_ledger_entries_grant", "grant_id"),
        Index("ix_ledger_entries_listed", "occurred_at", "id", sqlite_where=_LISTED, postgresql_where=_LISTED),
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    key: Mapped[str] = mapped_column(_Key, unique=True)
    kind: Mapped[str]
    customer_id: Mapped[str]
    currency_id: Mapped[str]
    debit_account: Mapped[str]
    credit_account: Mapped[str]
    amount_micro: Mapped[int]
    grant_id: Mapped[str | None]
    signal_id: Mapped[str | None]
    part: Mapped[str | None]  # which price of the signal, where it has several
    order_id: Mapped[str | None]
    product_id: Mapped[str | None]
    event_name: Mapped[str | None]
    occurred_at: Mapped[datetime]  # the signal's own time
    recorded_at: Mapped[datetime]


class CreditDebit(Base):
    """What a signal burns now. Each other content that comes for it is another revision: reversed, then redone."""

    __tablename__ = "credit_debits"
    __unaudited__ = True
    __table_args__ = (
        Index(
            "ix_credit_debits_unit", "customer_id", "customer_unit_id", "currency_id", "occurred_at",
            sqlite_where=text("customer_unit_id IS NOT NULL"),
            postgresql_where=text("customer_unit_id IS NOT NULL"),
        ),
    )  # fmt: skip

    signal_id: Mapped[str] = mapped_column(primary_key=True)
    part: Mapped[str] = mapped_column(primary_key=True)
    revision: Mapped[int]
    customer_id: Mapped[str]
    currency_id: Mapped[str]
    amount_micro: Mapped[int]
    occurred_at: Mapped[datetime]
    event_name: Mapped[str | None]
    product_id: Mapped[str | None]
    order_id: Mapped[str | None]
    seat_user_id: Mapped[str | None]
    customer_unit_id: Mapped[str | None]  # the unit's external id, as it was sent


class CreditWallet(Base):
    """One customer's credits of one currency; whoever moves any of them holds this row.

    unfunded_micro: the sum of its pending consumption. is_depleted: nothing was available when last looked.
    """

    __tablename__ = "credit_wallets"
    __unaudited__ = True

    id: Mapped[str] = mapped_column(primary_key=True)  # customer id/currency id
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"), index=True)
    currency_id: Mapped[str] = mapped_column(ForeignKey("credit_currencies.id"))
    unfunded_micro: Mapped[int]
    is_depleted: Mapped[bool]


class CreditGrantTotal(Base):
    """What became of a grant, summed up. inside, rollover: spent before and after the end of its period."""

    __tablename__ = "credit_grant_totals"
    __unaudited__ = True

    grant_id: Mapped[str] = mapped_column(ForeignKey("credit_grants.id"), primary_key=True)
    status: Mapped[str]  # pending | open | void
    inside_micro: Mapped[int]
    rollover_spent_micro: Mapped[int]
    overage_micro: Mapped[int]
    void_micro: Mapped[int]


class PendingConsumption(Base):
    """What of a signal's burn no credits have been found for yet."""

    __tablename__ = "pending_consumption"
    __unaudited__ = True
    __table_args__ = (Index("ix_pending_consumption_wallet", "wallet_id", "occurred_at"),)

    signal_id: Mapped[str] = mapped_column(primary_key=True)
    part: Mapped[str] = mapped_column(primary_key=True)
    revision: Mapped[int]
    wallet_id: Mapped[str] = mapped_column(ForeignKey("credit_wallets.id"))
    remaining_micro: Mapped[int]
    settlements: Mapped[int]  # how many entries have settled some of it
    seat_user_id: Mapped[str | None]
    order_id: Mapped[str | None]
    product_id: Mapped[str | None]
    event_name: Mapped[str | None]
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime]


append_only(CreditGrant.__table__)  # type: ignore[arg-type]
append_only(LedgerEntry.__table__)  # type: ignore[arg-type]
