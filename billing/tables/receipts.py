"""What customers are shown of the value delivered to them, and who may see it."""

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from billing.columns import Exact
from billing.tables.base import Base, Stamped


class ValueReceipt(Stamped, Base):
    """What a customer was delivered from `start_date` to `end_date` (exclusive). Once posted its content never changes.

    content: see `billing.receipts.content`; total: US dollars, as the content says; content_hash: SHA-256 of the
    content's canonical JSON.
    """

    __tablename__ = "value_receipts"
    __table_args__ = (Index("ix_value_receipts_found", "customer_id", "start_date", "end_date"),)
    __secret__: ClassVar = ("public_url_token",)

    id: Mapped[str] = mapped_column(primary_key=True)  # vr_…
    status: Mapped[str]  # draft | posted
    public_url_token: Mapped[str] = mapped_column(unique=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"))
    product_id: Mapped[str | None] = mapped_column(ForeignKey("products.id"), index=True)
    order_id: Mapped[str | None] = mapped_column(ForeignKey("orders.id"), index=True)
    currency: Mapped[str]
    start_date: Mapped[datetime]
    end_date: Mapped[datetime]
    content: Mapped[dict[str, Any]]
    total: Mapped[Decimal] = mapped_column(Exact)
    content_hash: Mapped[str]
    generated_at: Mapped[datetime]
    sealed_at: Mapped[datetime | None]
    published_at: Mapped[datetime | None]
    publish_expires_at: Mapped[datetime | None]
    archived_at: Mapped[datetime | None]
    allow_embed: Mapped[bool]


class EmbedSecret(Stamped, Base):
    """The secret that embed tokens are signed with; there is one row, `id` 1. Another secret makes all tokens void."""

    __tablename__ = "embed_secret"
    __secret__: ClassVar = ("secret",)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    secret: Mapped[str]
    issuer: Mapped[str]
    audience: Mapped[str | None]
