"""Who may see a receipt that is not published: holders of an embed token, a JWT signed with this business's secret."""

import secrets
from datetime import datetime, timedelta
from typing import Any, Final

import jwt
from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.api.errors import ApiError, conflict
from billing.receipts.store import is_published, new_token
from billing.tables.customers import Customer
from billing.tables.receipts import EmbedSecret, ValueReceipt
from billing.value.names import names_of_customer

ALGORITHM: Final = "HS256"
_ROW: Final = 1
_LATEST: Final = 253_402_300_799
"""The end of the year 9999, in seconds."""


def rotate_secret(session: Session, issuer: str, audience: str | None, now: datetime) -> EmbedSecret:
    """Another secret: every token signed so far is void."""
    row = session.get(EmbedSecret, _ROW)
    if row is None:
        row = EmbedSecret(id=_ROW, secret="", issuer=issuer, audience=audience, created_at=now, updated_at=now)
        session.add(row)
    row.secret, row.issuer, row.audience, row.updated_at = secrets.token_urlsafe(48), issuer, audience, now
    session.flush()
    return row


def mint(
    session: Session, customer_id: str | None, resource_id: str | None, lifetime: timedelta, now: datetime
) -> tuple[str, datetime]:
    """A token for a customer's receipts or for one, and when it ends. Raises the API's 409 without a secret."""
    row = session.get(EmbedSecret, _ROW)
    if row is None:
        raise conflict("there is no embed secret yet; make one with POST /value-receipts/embed-secret/rotate")
    ends = now + lifetime
    claims: dict[str, Any] = {"iss": row.issuer, "iat": int(now.timestamp()), "exp": int(ends.timestamp())}
    said = {"aud": row.audience, "sub": customer_id, "resourceId": resource_id}
    claims |= {key: value for key, value in said.items() if value is not None}
    return jwt.encode(claims, row.secret, algorithm=ALGORITHM), ends.replace(microsecond=0)


def rotate_share_token(receipt: ValueReceipt, now: datetime) -> None:
    """Another URL; the one before leads nowhere."""
    receipt.public_url_token, receipt.updated_at = new_token(), now


def revoke_all(session: Session, now: datetime) -> int:
    """Another URL for every receipt; how many there are."""
    receipts = session.scalars(select(ValueReceipt)).all()
    for receipt in receipts:
        rotate_share_token(receipt, now)
    return len(receipts)


def shown_to(session: Session, share_token: str, embed_token: str | None, now: datetime) -> ValueReceipt:
    """The receipt behind a share token. Raises the API's 404 where nobody may see it, 401 for a token that is none,
    403 for one of somebody else.
    """
    hidden = ApiError(404, "Not found", "no such receipt, or it is not published")
    receipt = session.scalar(select(ValueReceipt).where(ValueReceipt.public_url_token == share_token))
    if receipt is None or receipt.archived_at is not None:
        raise hidden
    if is_published(receipt, now):
        return receipt
    if embed_token is None:
        raise hidden
    _admit(session, receipt, _claims(session.get(EmbedSecret, _ROW), embed_token, now))
    return receipt


def _claims(row: EmbedSecret | None, token: str, now: datetime) -> dict[str, Any]:
    refused = ApiError(401, "Unauthorized", "the embed token is not valid, or has ended")
    if row is None:
        raise refused
    try:
        claims: dict[str, Any] = jwt.decode(
            token, row.secret, algorithms=[ALGORITHM], issuer=row.issuer, audience=row.audience,
            options={"require": ["exp", "iss"], "verify_exp": False, "verify_nbf": False, "verify_iat": False,
                     "verify_aud": row.audience is not None},
        )  # fmt: skip
    except (jwt.PyJWTError, ValueError, TypeError):
        raise refused from None
    # times are compared with the business's own clock
    ends, begins = claims["exp"], claims.get("nbf", 0)
    if not all(isinstance(each, int | float) and 0 <= each <= _LATEST for each in (ends, begins)):
        raise refused
    if not begins <= now.timestamp() < ends:
        raise refused
    return claims


def _admit(session: Session, receipt: ValueReceipt, claims: dict[str, Any]) -> None:
    refused = ApiError(403, "Forbidden", "the embed token is not for this receipt")
    customer, resource = claims.get("sub"), claims.get("resourceId")
    if not receipt.allow_embed or (customer is None and resource is None):
        raise refused
    if resource is not None and resource not in (receipt.id, receipt.public_url_token):
        raise refused
    owner = session.get(Customer, receipt.customer_id)
    if customer is not None and (owner is None or customer not in names_of_customer(session, owner)):
        raise refused
