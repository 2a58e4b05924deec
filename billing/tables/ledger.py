"""Credits: the currencies they are in."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from billing.tables.base import Base, Stamped


class CreditCurrency(Stamped, Base):
    """A kind of credit. Archived ones still meter."""

    __tablename__ = "credit_currencies"

    id: Mapped[str] = mapped_column(primary_key=True)  # cc_…
    key: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    description: Mapped[str | None]
    status: Mapped[str]  # active | archived
    archived_at: Mapped[datetime | None]
