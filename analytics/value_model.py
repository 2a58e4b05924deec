"""What a value model is: how much each event delivers to the customer, by which formula, in which unit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any, Final, Literal

from analytics.expressions.nodes import Kind, Node
from analytics.revenue_rules import Condition

SECONDS: Final = {"seconds": 1, "minutes": 60, "hours": 3_600, "days": 86_400}
"""Units of time, and how many seconds each has."""

UNIT_VALUE: Final = "unit_value"
"""The variable of a monetary conversion that holds the amount."""

Constant = Fraction | bool | str

_WITHOUT_CENTS: Final = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF")
)
_WITH_THOUSANDTHS: Final = frozenset(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"))


class ValueModelError(ValueError):
    """A value model that cannot be used; the message is one line naming the entry and the key."""


@dataclass(frozen=True)
class Segment:
    """A variable's value by texts in the event's data: `rows` gives it for the texts at `paths`, else `default`."""

    paths: tuple[str, ...]
    rows: Mapping[tuple[str, ...], Fraction]
    default: Fraction | None = None


@dataclass(frozen=True)
class Variable:
    """Where a variable of a formula has its value from: `fixed`, else the data at `path`, else the first of `segments`
    that knows, else `default`.

    A duration (`target_unit` is set) is a number beside which `<path>_unit` names its unit; it is turned into
    `target_unit`. `fixed`, segments and defaults are in that unit already.
    """

    name: str
    kind: Kind = "number"
    path: str | None = None
    target_unit: str | None = None
    fixed: Constant | None = None
    segments: tuple[Segment, ...] = ()
    default: Constant | None = None

    @property
    def needs_data(self) -> bool:
        """Whether nothing but the event's data can give it a value."""
        return (
            self.fixed is None and self.default is None and not any(each.default is not None for each in self.segments)
        )


@dataclass(frozen=True)
class Formula:
    """A checked formula; `tests` are boolean variables of it that conditions on the data give."""

    node: Node
    variables: tuple[Variable, ...]
    tests: tuple[tuple[str, Condition], ...] = ()


@dataclass(frozen=True)
class Binding:
    """One metric of one kind of event, for some customers, during some time.

    formula: the amount, in `unit` (for kind 'monetary': in the smallest unit of `currency`, cents).
    conversion: what that is worth in `currency`, over `unit_value`; None: nothing that can be counted in money, or
    money already. customers: None is everybody but `not_customers`.
    """

    metric: str
    event_name: str
    formula: Formula
    kind: Literal["monetary", "duration", "custom"]
    unit: str
    currency: str
    conversion: Formula | None = None
    product_id: str | None = None
    customers: frozenset[str] | None = None
    not_customers: frozenset[str] = frozenset()
    start: datetime | None = None
    end: datetime | None = None

    @property
    def counts_money(self) -> bool:
        """Whether its amount is worth something in money."""
        return self.kind == "monetary" or self.conversion is not None


@dataclass(frozen=True)
class ValueModel:
    """A version of the model, in force for events from `effective_from` (inclusive) to `effective_to` (exclusive).

    content: as written, from which `value_parse.parse_content` makes the bindings again.
    """

    version: int
    bindings: tuple[Binding, ...]
    effective_from: datetime | None = None
    effective_to: datetime | None = None
    content: Mapping[str, Any] = field(default_factory=dict, compare=False)


def minor_units(currency: str) -> int:
    """How many of the smallest units make one of the currency (ISO 4217): 100 cents for a dollar."""
    return 1 if currency in _WITHOUT_CENTS else 1000 if currency in _WITH_THOUSANDTHS else 100
