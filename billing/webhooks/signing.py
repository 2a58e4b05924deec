"""Signatures of messages, in the two forms that receivers check.

`x-webhook-signature` (`t=MILLISECONDS,s=BASE64`) is HMAC-SHA256 over `t.body`, keyed with the secret's text. Standard
Webhooks (standardwebhooks.com) sign `id.seconds.body` with the bytes that the secret stands for.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final

PREFIX: Final = "whsec_"
_BYTES: Final = 32


def new_secret() -> str:
    """A fresh secret: `whsec_` and the base64 of 256 random bits."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def headers(secret_texts: Sequence[str], message_id: str, now: datetime, body: bytes) -> dict[str, str]:
    """What goes with a message. secret_texts: the newest first; those behind it are on their way out."""
    seconds = int(now.timestamp())
    milliseconds = int(now.timestamp() * 1000)
    newest, *old = [_stamped(secret, milliseconds, body) for secret in secret_texts]
    keys = [key_of(secret) for secret in secret_texts]
    return {
        "x-webhook-signature": newest,
        **({"x-webhook-signature-previous": old[0]} if old else {}),
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": standard_signature(keys, message_id, seconds, body),
    }


def standard_signature(keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`: one signature per key, separated by spaces."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(f"v1,{_digest(key, signed)}" for key in keys)


def key_of(secret: str) -> bytes:
    """The bytes that a secret of `new_secret` stands for."""
    return base64.b64decode(secret.removeprefix(PREFIX), validate=True)


def _stamped(secret: str, milliseconds: int, body: bytes) -> str:
    return f"t={milliseconds},s={_digest(secret.encode(), f'{milliseconds}.'.encode() + body)}"


def _digest(key: bytes, signed: bytes) -> str:
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
