"""API keys."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy.orm import Mapped, mapped_column

from billing.tables.base import Base


class ApiKey(Base):
    """A key as we know it: its SHA-256, never the key itself. With 256 random bits in it, no slow hash is needed."""

    __tablename__ = "api_keys"
    __secret__: ClassVar = ("digest",)

    id: Mapped[str] = mapped_column(primary_key=True)  # key_…
    name: Mapped[str]
    digest: Mapped[str] = mapped_column(unique=True)
    hint: Mapped[str]  # its last four characters
    scopes: Mapped[list[Any]]  # ingest | read | write | admin
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
