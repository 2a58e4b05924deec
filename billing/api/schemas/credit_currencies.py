"""Bodies of credit currencies."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from billing.api.model import Model, Text, Time

CurrencyKey = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]+$", max_length=255)]
CurrencyStatus = Literal["active", "archived"]


class CreditCurrencyCreate(Model):
    """A new currency. key: lower-case letters, digits, `_` and `-`, unique."""

    name: Text
    key: CurrencyKey
    description: str | None = None


class CreditCurrencyUpdate(Model):
    """What may change: never the key."""

    description: str | None = None
    status: CurrencyStatus | None = None


class CreditCurrency(Model):
    """A kind of credit."""

    id: str
    name: str
    key: str
    status: CurrencyStatus
    description: str | None = None
    archived_at: Time | None = None
    created_at: Time
    updated_at: Time


class CreditCurrencyList(Model):
    """All of them."""

    data: list[CreditCurrency]
