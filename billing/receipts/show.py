"""Receipts as the API shows them."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from billing.api.places import PUBLIC
from billing.api.schemas.value_receipts import (
    PublicReceipt,
    ReceiptDetail,
    ReceiptSummary,
    ReceiptWritten,
    shown_metrics,
)
from billing.receipts.store import is_published
from billing.tables.customers import Customer
from billing.tables.receipts import ValueReceipt

_SHARED: Final = (
    "id", "status", "public_url_token", "customer_id", "order_id", "product_id", "currency", "start_date", "end_date",
    "archived_at", "created_at",
)  # fmt: skip


class Shown:
    """Shows receipts at one moment, with URLs below `public_url`."""

    def __init__(self, session: Session, public_url: str, now: datetime) -> None:
        self._session = session
        self._public_url = public_url
        self._now = now

    def written(self, receipt: ValueReceipt) -> ReceiptWritten:
        """What the writing of it answers."""
        return ReceiptWritten(
            id=receipt.id, status=receipt.status, public_url_token=receipt.public_url_token,
            public_url=self._url(receipt), generated_at=receipt.generated_at,
        )  # fmt: skip

    def summary(self, receipt: ValueReceipt) -> ReceiptSummary:
        """In a list."""
        return ReceiptSummary(**self._common(receipt))

    def detail(self, receipt: ValueReceipt) -> ReceiptDetail:
        """By itself."""
        return ReceiptDetail(
            **self._common(receipt), published_at=receipt.published_at, publish_expires_at=receipt.publish_expires_at,
            allow_embed=receipt.allow_embed, generated_at=receipt.generated_at, sealed_at=receipt.sealed_at,
            metrics=shown_metrics(receipt.content), content_hash=receipt.content_hash,
        )  # fmt: skip

    def public(self, receipt: ValueReceipt) -> PublicReceipt:
        """To the customer."""
        customer = self._session.get(Customer, receipt.customer_id)
        return PublicReceipt(
            status=receipt.status, customer_name=None if customer is None else customer.name,
            currency=receipt.currency, start_date=receipt.start_date, end_date=receipt.end_date,
            generated_at=receipt.generated_at, sealed_at=receipt.sealed_at, total_delivered_value=receipt.total,
            metrics=shown_metrics(receipt.content), content_hash=receipt.content_hash,
        )  # fmt: skip

    def _common(self, receipt: ValueReceipt) -> dict[str, Any]:
        customer = self._session.get(Customer, receipt.customer_id)
        return {
            **{name: getattr(receipt, name) for name in _SHARED},
            "public_url": self._url(receipt),
            "is_published": is_published(receipt, self._now),
            "customer_name": None if customer is None else customer.name,
            "customer_external_id": None if customer is None else customer.external_id,
            "total_delivered_value": receipt.total,
        }

    def _url(self, receipt: ValueReceipt) -> str:
        return f"{self._public_url}{PUBLIC}/value-receipts/{receipt.public_url_token}"
