"""How far metering has come, and what it could not meter."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from billing.tables.base import Base


class MeteringProgress(Base):
    """Up to which change of the lake's events the follower has come (`event_margins.updated_at`)."""

    __tablename__ = "metering_progress"
    __unaudited__ = True

    name: Mapped[str] = mapped_column(primary_key=True)
    seen_until: Mapped[datetime]


class MeteringRefusal(Base):
    """A signal that matches a price and burns nothing, since its quantity is none."""

    __tablename__ = "metering_refusals"
    __unaudited__ = True

    signal_id: Mapped[str] = mapped_column(primary_key=True)
    order_attribute_id: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
