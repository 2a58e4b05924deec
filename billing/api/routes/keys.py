"""`/keys` and `/audit-log`: for administrators; no part of the vendor's API."""

from typing import Annotated

from fastapi import Query
from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.api.errors import not_found
from billing.api.paging import Listed, Paged, listed
from billing.api.requests import Shared, router
from billing.api.schemas.keys import AuditEntry, CreatedKey, Key, KeyCreate, KeyList
from billing.keys.store import create_key, list_keys, revoke_key
from billing.tables import audit

routes = router("keys")


@routes.get("/keys", response_model_exclude_none=True)
def list_api_keys(billing: Shared) -> KeyList:
    """All keys, revoked ones too, the newest first."""
    with billing.database.read() as session:
        return KeyList(data=[Key.model_validate(row) for row in list_keys(session)])


@routes.post("/keys", response_model_exclude_none=True)
def create_api_key(billing: Shared, body: KeyCreate) -> CreatedKey:
    """A new key; the answer is the only place that shows it."""
    now = billing.clock()

    def work(session: Session) -> CreatedKey:
        row, token = create_key(session, body.name, body.scopes, now, body.expires_at)
        return CreatedKey(**Key.model_validate(row).model_dump(), key=token)

    return billing.database.write(work)


@routes.delete("/keys/{key_id}", response_model_exclude_none=True)
def revoke_api_key(billing: Shared, key_id: str) -> Key:
    """End a key, within two seconds everywhere."""
    now = billing.clock()

    def work(session: Session) -> Key:
        row = revoke_key(session, key_id, now)
        if row is None:
            raise not_found("key", key_id)
        return Key.model_validate(row)

    return billing.database.write(work)


@routes.get("/audit-log", response_model_exclude_none=True)
def list_audit_log(
    billing: Shared,
    part: Paged,
    object_type: Annotated[str | None, Query(alias="objectType")] = None,
    object_id: Annotated[str | None, Query(alias="objectId")] = None,
    actor: str | None = None,
) -> Listed[AuditEntry]:
    """What was changed, the newest first."""
    query = select(audit.AuditEntry).order_by(audit.AuditEntry.id.desc())
    for column, wanted in (
        (audit.AuditEntry.object_type, object_type),
        (audit.AuditEntry.object_id, object_id),
        (audit.AuditEntry.actor, actor),
    ):
        if wanted is not None:
            query = query.where(column == wanted)
    with billing.database.read() as session:
        return listed(session, query, part, AuditEntry.model_validate)
