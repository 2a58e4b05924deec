"""Bodies of customer units and their caps."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from billing.api.model import Metadata, Model, Text, Time
from billing.api.schemas.customers import Line
from billing.customers.unit_keys import LONGEST_KEY, is_unit_key
from billing.units import Credits


def _key(text: str) -> str:
    if not is_unit_key(text):
        raise ValueError("must not be . or ..")
    return text


UnitKey = Annotated[Text, Field(max_length=LONGEST_KEY), AfterValidator(_key)]
Frequency = Literal["MONTHLY"]


class UnitCreate(Model):
    """A new unit. Without a parent it is the root, of which there is one; its name is its external id by default."""

    external_id: UnitKey
    name: Text | None = None
    external_type: Line | None = None
    parent_external_id: UnitKey | None = None
    metadata: Metadata | None = None


class UnitUpdate(Model):
    """What changes. Another parent moves the unit with everything below it."""

    name: Text | None = None
    external_type: Line | None = None
    parent_external_id: UnitKey | None = None
    metadata: Metadata | None = None


class Unit(Model):
    """A part of a customer that spends on its own account."""

    external_id: str
    name: str
    external_type: str | None = None
    status: Literal["ACTIVE", "DELETED"]
    parent_external_id: str | None = None
    is_root: bool
    metadata: Metadata | None = None
    created_at: Time
    updated_at: Time


class CapSet(Model):
    """The most that a unit and those below it may spend in a month, in credits.

    credits_currency_id: may be left out where the organization has one currency. effective_from: now by default; its
    day of the month is the first day of the periods.
    """

    amount: Annotated[Credits, Field(gt=0)]
    frequency: Frequency = "MONTHLY"
    credits_currency_id: Text | None = None
    effective_from: Time | None = None


class CapPolicy(Model):
    """A version of a cap."""

    amount: Credits
    frequency: Frequency
    effective_from: Time
    effective_until: Time | None = None
    created_at: Time
    source: str


class Window(Model):
    """A period; its end is not in it."""

    start: Time
    end: Time


class CurrentPeriod(Model):
    """What is spent of a cap in the period that is running."""

    window: Window
    used: Credits
    remaining: Credits


class Cap(Model):
    """A cap, and how much of it is spent."""

    external_customer_unit_id: str
    customer_id: str
    credits_currency_id: str
    policy: CapPolicy
    current_period: CurrentPeriod | None = None


class CapEnded(Model):
    """A cap that is over. policy: the version that was in force."""

    external_customer_unit_id: str
    customer_id: str
    credits_currency_id: str
    policy: CapPolicy | None = None
    ended_versions: int


class ReachedCap(Model):
    """A cap that has just been reached, for those who are told."""

    external_customer_unit_id: str
    customer_id: str
    external_customer_id: str | None = None
    credits_currency_id: str
    amount: Credits
    used: Credits
    window: Window
    reached_at: Time
