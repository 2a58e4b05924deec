"""The audit log."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from billing.tables.append_only import append_only
from billing.tables.base import Base


class AuditEntry(Base):
    """One change: who did what to which row, the columns before and after. Rows are only ever added."""

    __tablename__ = "audit_log"
    __unaudited__ = True
    __table_args__ = (Index("ix_audit_log_object", "object_type", "object_id"),)

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    recorded_at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str]  # create | update | delete
    object_type: Mapped[str]
    object_id: Mapped[str]
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]


append_only(AuditEntry.__table__)  # type: ignore[arg-type]
