"""What is told to the outside: where to, signed with what, and the messages that are still to be delivered."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from billing.tables.base import Base, Stamped


class WebhookEndpoint(Stamped, Base):
    """Where messages of one event name go. Events without a row were never set up."""

    __tablename__ = "webhook_endpoints"

    name: Mapped[str] = mapped_column(primary_key=True)
    enabled: Mapped[bool]
    url: Mapped[str | None]
    last_sent_at: Mapped[datetime | None]
    last_status: Mapped[str | None]  # success | failed


class WebhookSecret(Base):
    """A signing secret. The newest one signs; those before it sign too until `expires_at`."""

    __tablename__ = "webhook_secrets"
    __secret__: ClassVar[tuple[str, ...]] = ("secret",)

    id: Mapped[str] = mapped_column(primary_key=True)  # whs_…
    number: Mapped[int] = mapped_column(unique=True)
    secret: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]


class WebhookVersion(Base):
    """How many messages there have been about an object; whoever adds one holds this row until the commit."""

    __tablename__ = "webhook_versions"
    __unaudited__ = True

    object_id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]


class WebhookMessage(Base):
    """The outbox: a message about one object, written in the transaction that it tells of."""

    __tablename__ = "webhook_messages"
    __table_args__ = (
        UniqueConstraint("object_id", "version"),
        Index("ix_webhook_messages_due", "state", "next_attempt_at"),
    )
    __unaudited__ = True

    id: Mapped[str] = mapped_column(primary_key=True)  # msg_…
    name: Mapped[str] = mapped_column(ForeignKey("webhook_endpoints.name"))
    object_id: Mapped[str]
    version: Mapped[int]
    body: Mapped[str] = mapped_column(Text)  # exactly what is sent and signed
    state: Mapped[str]  # pending | delivered | dead
    created_at: Mapped[datetime]
    attempts: Mapped[int]
    next_attempt_at: Mapped[datetime]
    claimed_until: Mapped[datetime | None]  # whoever is sending it gives up by then
    first_attempt_at: Mapped[datetime | None]
    last_attempt_at: Mapped[datetime | None]
    response_status: Mapped[int | None]
    response_body: Mapped[str | None]  # its beginning
    error: Mapped[str | None]
