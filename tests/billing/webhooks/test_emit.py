"""The outbox: what is told is written with what it tells of."""

import json
from decimal import Decimal

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.tables.webhooks import WebhookEndpoint, WebhookMessage
from billing.webhooks.emit import emit
from tests.billing.shop import NOW, Shop


def listen(shop: Shop, name: str, url: str = "https://example.com/hook") -> None:
    def work(session: Session) -> None:
        session.add(
            WebhookEndpoint(
                name=name, enabled=True, url=url, last_sent_at=None, last_status=None, created_at=NOW, updated_at=NOW
            )
        )

    shop.database.write(work)


def messages(shop: Shop) -> list[WebhookMessage]:
    with shop.database.read() as session:
        return list(session.scalars(select(WebhookMessage).order_by(WebhookMessage.object_id, WebhookMessage.version)))


def test_a_message_names_the_event_and_has_the_object_under_its_key(shop: Shop):
    listen(shop, "billing-invoice-paid")

    shop.database.write(
        lambda session: emit(session, "billing-invoice-paid", "inv_1", {"id": "inv_1", "rate": Decimal("0.10")}, NOW)
    )

    (message,) = messages(shop)
    assert json.loads(message.body) == {
        "event": "billing-invoice-paid",
        "timestamp": "2026-03-15T12:00:00.000Z",
        "isTest": False,
        "version": 1,
        "data": {"invoice": {"id": "inv_1", "rate": 0.1}},
    }
    assert '"rate":0.10' in message.body


def test_versions_count_per_object(shop: Shop):
    listen(shop, "billing-invoice-created")
    listen(shop, "billing-invoice-paid")

    for name, about in (
        ("billing-invoice-created", "inv_1"), ("billing-invoice-created", "inv_2"), ("billing-invoice-paid", "inv_1"),
    ):  # fmt: skip
        shop.database.write(lambda session, name=name, about=about: emit(session, name, about, {}, NOW))

    assert [(each.object_id, each.version) for each in messages(shop)] == [("inv_1", 1), ("inv_1", 2), ("inv_2", 1)]


def test_nothing_is_told_of_what_did_not_happen(shop: Shop):
    listen(shop, "billing-invoice-paid")

    def work(session: Session) -> None:
        emit(session, "billing-invoice-paid", "inv_1", {}, NOW)
        raise RuntimeError("the invoice was not paid after all")

    with pytest.raises(RuntimeError):
        shop.database.write(work)
    assert messages(shop) == []


def test_nobody_listening_is_no_message(shop: Shop):
    shop.database.write(lambda session: emit(session, "billing-invoice-paid", "inv_1", {}, NOW))

    assert messages(shop) == []
