"""Who is let in, and how often."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from billing.api.app import create_api
from billing.api.guard import needed_scope
from billing.api.places import V2
from billing.keys.gate import Gate, bearer, is_loopback
from billing.keys.rate import RateLimit
from billing.keys.store import Scope, create_key, digest_of, revoke_key
from billing.tables.audit import AuditEntry
from tests.billing.shop import NOW, Shop, open_shop

ANYWHERE = "203.0.113.7"


class Monotonic:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Monotonic:
    return Monotonic()


@pytest.fixture
def gate(shop: Shop, time: Monotonic) -> Gate:
    return Gate(shop.database, clock=shop.clock, monotonic=time)


def made(shop: Shop, *scopes: Scope, expires_in: timedelta | None = None) -> tuple[str, str]:
    until = None if expires_in is None else NOW + expires_in
    row, token = shop.database.write(lambda session: create_key(session, "robot", scopes, NOW, until))
    return row.id, token


def test_a_key_opens_the_door_and_only_its_digest_is_kept(shop: Shop, gate: Gate):
    key_id, token = made(shop, "ingest", "read")

    found = gate.principal(f"Bearer {token}", ANYWHERE)

    assert found is not None
    assert found.actor == f"{key_id} (robot)"
    assert found.scopes == {"ingest", "read"}
    assert gate.may_ingest(f"bearer {token}", ANYWHERE)
    stored = Path(str(shop.database.url.database)).read_bytes()
    assert token.encode() not in stored
    with shop.database.read() as session:
        entry = session.scalars(select(AuditEntry)).one()
    assert entry.after is not None
    assert entry.after["digest"] == "(secret)"
    assert digest_of(token) not in str(entry.after)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer nonsense", "Basic dXNlcjpwYXNz"])
def test_nobody_else_gets_in_not_even_from_this_machine(gate: Gate, header: str | None):
    assert gate.principal(header, "127.0.0.1") is None
    assert not gate.may_ingest(header, "127.0.0.1")


def test_a_revoked_key_is_refused_within_two_seconds(shop: Shop, gate: Gate, time: Monotonic):
    key_id, token = made(shop, "read")
    assert gate.principal(f"Bearer {token}", ANYWHERE) is not None

    shop.database.write(lambda session: revoke_key(session, key_id, NOW))
    time.now += 2.0

    assert gate.principal(f"Bearer {token}", ANYWHERE) is None


def test_an_expired_key_is_refused_at_once(shop: Shop, gate: Gate):
    _, token = made(shop, "read", expires_in=timedelta(hours=1))
    assert gate.principal(f"Bearer {token}", ANYWHERE) is not None

    shop.clock.forward(hours=1)

    assert gate.principal(f"Bearer {token}", ANYWHERE) is None


def test_admin_keys_may_do_everything_and_writers_may_read(shop: Shop, gate: Gate):
    _, admin = made(shop, "admin")
    _, writer = made(shop, "write")

    principals = [gate.principal(f"Bearer {token}", ANYWHERE) for token in (admin, writer)]

    assert [sorted(principal.scopes) for principal in principals if principal] == [
        ["admin", "ingest", "read", "write"],
        ["read", "write"],
    ]


def test_callers_of_this_machine_get_in_without_a_key_where_the_operator_says_so(shop: Shop):
    gate = Gate(shop.database, anonymous=True)

    assert gate.may_ingest(None, "127.0.0.1")
    assert gate.may_ingest("Bearer whatever-the-sdk-wants", "::1")
    assert not gate.may_ingest(None, ANYWHERE)
    assert not gate.may_ingest(None, None)


def test_headers_and_addresses_are_read_as_people_write_them():
    assert [bearer(text) for text in ("Bearer a", "bearer  a ", "a", "Bearer ", None)] == ["a", "a", "a", None, None]
    hosts = ("127.0.0.1", "127.8.8.8", "::1", "localhost", "10.0.0.1", "example.com", None)
    assert [is_loopback(host) for host in hosts] == [True, True, True, True, False, False, False]


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/customers", "read"),
        ("POST", "/customers", "write"),
        ("DELETE", "/customers/cus_1", "write"),
        ("POST", "/signals/bulk", "ingest"),
        ("POST", "/costs/bulk", "ingest"),
        ("POST", "/usage/signals/bulk", "ingest"),
        ("GET", "/customers/external/a/usage/b", "read"),
        ("POST", "/analytics/query", "read"),
        ("POST", "/experimental/analytics/query", "read"),
        ("GET", "/keys", "admin"),
        ("DELETE", "/keys/key_1", "admin"),
        ("GET", "/audit-log", "admin"),
        ("GET", "/keystones", "read"),
    ],
)
def test_what_a_request_needs(method: str, path: str, scope: str):
    assert needed_scope(method, path) == scope


@pytest.fixture
def guarded(shop: Shop, gate: Gate, time: Monotonic) -> Iterator[TestClient]:
    app = create_api(shop.billing, gate, RateLimit(60, time))
    with TestClient(app) as client:
        yield client


def test_the_api_asks_for_a_key_with_403_and_records_whose_it_was(shop: Shop, guarded: TestClient):
    body = {"name": "Chat", "key": "chat"}
    key_id, token = made(shop, "write")
    headers = {"Authorization": f"Bearer {token}"}

    assert guarded.post("/credits/currencies", json=body).status_code == 403
    assert guarded.post("/credits/currencies", json=body, headers=headers).status_code == 200

    answer = guarded.get("/keys", headers=headers)
    assert (answer.status_code, answer.json()) == (
        403,
        {"error": "Forbidden", "details": "this API key lacks the scope 'admin'"},
    )
    with shop.database.read() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.object_type == "credit_currencies")).one()
    assert entry.actor == f"{key_id} (robot)"


def test_keys_are_managed_over_the_api_by_admins(shop: Shop, guarded: TestClient):
    _, token = made(shop, "admin")
    headers = {"Authorization": f"Bearer {token}"}

    created = guarded.post("/keys", json={"name": "exporter", "scopes": ["ingest"]}, headers=headers).json()
    listed = guarded.get("/keys", headers=headers).json()["data"]
    revoked = guarded.delete(f"/keys/{created['id']}", headers=headers).json()

    assert created["key"].startswith("mlk_")
    assert "key" not in listed[0]
    assert "digest" not in str(listed)
    assert revoked["revokedAt"] == "2026-03-15T12:00:00.000Z"
    assert guarded.delete("/keys/key_none", headers=headers).status_code == 404
    log = guarded.get("/audit-log", params={"objectId": created["id"]}, headers=headers).json()
    assert [(entry["action"], entry["after"].get("revoked_at")) for entry in log["data"]] == [
        ("update", "2026-03-15T12:00:00+00:00"),
        ("create", None),
    ]
    assert log["pagination"] == {"limit": 100, "offset": 0, "total": 2, "hasMore": False}


def test_who_asks_too_often_is_told_when_to_come_again(shop: Shop, guarded: TestClient, time: Monotonic):
    _, token = made(shop, "read")
    headers = {"Authorization": f"Bearer {token}"}
    answers = [guarded.get("/credits/currencies", headers=headers) for _ in range(61)]

    assert [answer.status_code for answer in answers] == [200] * 60 + [429]
    assert answers[0].headers["x-ratelimit-remaining"] == "59"
    assert answers[-1].headers["retry-after"] == "1"
    assert answers[-1].json() == {"error": "Too many requests", "details": "more than 60 requests a minute"}

    time.now += 1.0
    assert guarded.get("/credits/currencies", headers=headers).status_code == 200


def test_everyone_has_a_bucket_of_their_own(time: Monotonic):
    limit = RateLimit(2, time)

    assert [limit.take("a").allowed for _ in range(3)] == [True, True, False]
    assert limit.take("b").allowed
    time.now += 30
    assert limit.take("a").allowed


def test_the_description_of_the_api_is_for_everyone(guarded: TestClient):
    assert guarded.get("/openapi.json").status_code == 200
    assert V2 == "/api/v2"


def test_audit_rows_can_be_neither_changed_nor_removed(tmp_path: Path):
    with open_shop(tmp_path) as shop:
        made(shop, "read")
        for statement in ("UPDATE audit_log SET actor = 'nobody'", "DELETE FROM audit_log"):
            with (
                pytest.raises(Exception, match="only ever added"),
                shop.database.engine.begin() as connection,
            ):
                connection.exec_driver_sql(statement)
