"""What events deliver: the versions of the value model that the API keeps."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from billing.tables.base import Base


class ValueModelVersion(Base):
    """A version of the whole manifest; the newest is in force. Value metrics are a view of it, and edit it.

    backfills: how often all events were asked to be valued again by it.
    """

    __tablename__ = "value_model_versions"

    id: Mapped[str] = mapped_column(primary_key=True)  # vm_…
    version: Mapped[int] = mapped_column(unique=True)
    status: Mapped[str]  # active | archived
    content: Mapped[dict[str, Any]]
    effective_from: Mapped[datetime | None]
    effective_to: Mapped[datetime | None]
    backfills: Mapped[int]
    created_at: Mapped[datetime]
    archived_at: Mapped[datetime | None]
