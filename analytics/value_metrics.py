"""`[[value.metric]]` tables of the configuration: one metric of one kind of event each."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from itertools import combinations
from typing import Any, Final, Literal

from analytics.expressions.nodes import Name
from analytics.expressions.parse import is_name
from analytics.value_fields import (
    Entry,
    constant,
    kind,
    number,
    path,
    slug,
    texts,
    time_unit,
    variable_name,
)
from analytics.value_formulas import read_formula
from analytics.value_model import SECONDS, UNIT_VALUE, Binding, Constant, Formula, Variable
from pricing_tables.fx import DOLLAR
from pricing_tables.own_fields import currency, moment, text

_KEYS: Final = (
    "name", "slug", "event", "product", "customers", "unit", "duration_unit", "field", "expression", "variables",
    "defaults", "value_per_unit", "currency", "valid_from", "valid_to",
)  # fmt: skip
_VARIABLE_KEYS: Final = ("path", "type", "default", "unit")
_NAMES: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*(?!\s*\()\b")
_QUANTITY: Final = "quantity"


def read_metrics(entries: Sequence[Mapping[str, Any]]) -> tuple[Binding, ...]:
    """Read `[[value.metric]]` tables; docs/value.md has the keys. Raises ValueModelError naming entry and key."""
    found = []
    for place, content in enumerate(entries, start=1):
        name = content.get("name") if isinstance(content, Mapping) else None
        entry = Entry(f"value.metric {place}" + (f" ({name})" if isinstance(name, str) else ""), content)
        found.append((entry, _binding(entry)))
    named = [
        (entry, one, frozenset().union(*(other.customers or () for _, other in found if _alike(one, other))))
        for entry, one in found
    ]
    bindings = [
        (entry, one if one.customers is not None else _without(one, customers)) for entry, one, customers in named
    ]
    for (_, one), (entry, other) in combinations(bindings, 2):
        if _alike(one, other) and _meet(one, other):
            raise entry.wrong("name", f"{other.metric!r} is given for event {other.event_name!r} already")
    return tuple(binding for _, binding in bindings)


def _binding(entry: Entry) -> Binding:
    entry.only(_KEYS)
    name = entry.need("name", text)
    how, unit = _unit(entry)
    money = entry.get("currency", currency) or DOLLAR
    rate = entry.get("value_per_unit", number)
    if rate is not None and how == "monetary":
        raise entry.wrong("value_per_unit", "a monetary metric is money already")
    start, end = entry.get("valid_from", moment), entry.get("valid_to", moment)
    if start is not None and end is not None and start >= end:
        raise entry.wrong("valid_to", "must be after valid_from")
    customers = entry.get("customers", texts)
    return Binding(
        metric=entry.get("slug", text) or slug(name),
        event_name=entry.need("event", text),
        formula=_formula(entry, unit if how == "duration" else None),
        kind=how,
        unit=money if how == "monetary" else unit,
        currency=money,
        conversion=None if rate is None else per_unit(entry, rate),
        product_id=entry.get("product", text),
        customers=None if customers is None else frozenset(customers),
        start=start,
        end=end,
    )


def per_unit(entry: Entry, rate: Fraction) -> Formula:
    """The conversion of an amount at so much a unit."""
    expression = Entry(entry.where, {"expression": f"{UNIT_VALUE} * rate"})
    return read_formula(expression, [Variable("rate", fixed=rate)], extra=[UNIT_VALUE])


def _unit(entry: Entry) -> tuple[Literal["monetary", "duration", "custom"], str]:
    """The kind of unit, and its name."""
    unit = entry.need("unit", text)
    if unit == "monetary":
        return "monetary", ""
    if unit == "duration":
        return "duration", entry.need("duration_unit", time_unit)
    if "duration_unit" in entry:
        raise entry.wrong("duration_unit", 'goes with unit = "duration"')
    return ("duration", unit) if unit in SECONDS else ("custom", unit)


def _formula(entry: Entry, duration: str | None) -> Formula:
    """The formula of `expression`, or the number at `field`; a duration at `field` is turned into the metric's unit."""
    if "field" in entry:
        if "expression" in entry or "variables" in entry:
            raise entry.wrong("field", "stands for itself: leave expression and variables out, or write only these")
        at = entry.need("field", path)
        usual = entry.table("defaults").get(at, number)
        name = at if is_name(at) else "field"
        return Formula(Name(name, 1), (Variable(name, path=at, target_unit=duration, default=usual),))
    expression = entry.need("expression", text)
    named = [word for word in _NAMES.findall(re.sub(r"\"[^\"]*\"|'[^']*'", "", expression)) if is_name(word)]
    table = entry.table("variables")
    given = {variable_name(key): _variable(entry, key, value) for key, value in table.items()}
    for word in dict.fromkeys(named):
        given.setdefault(word, Variable(word, path=word))
    variables = []
    for name, variable in given.items():
        default: Constant | None = entry.table("defaults").get(name, constant(variable.kind))
        if default is None and name == _QUANTITY:
            default = variable.default if variable.default is not None else Fraction(1)
        variables.append(variable if default is None else _with_default(variable, default))
    for name in entry.table("defaults"):
        if name not in given:
            raise entry.wrong("defaults", f"{name}: no such variable")
    return read_formula(entry, variables)


def _variable(entry: Entry, name: str, content: object) -> Variable:
    """`minutes = "data.minutes"`, or a table of path, type, default and unit (of time: a duration turned into it)."""
    if isinstance(content, str):
        return Variable(name, path=Entry(f"{entry.where}: variables", {name: content}).need(name, path))
    table = Entry(f"{entry.where}: variables {name}", content)
    table.only(_VARIABLE_KEYS)
    what = table.get("type", kind) or "number"
    unit = table.get("unit", time_unit)
    if unit is not None and what != "number":
        raise table.wrong("unit", "goes with numbers")
    at = table.get("path", path) or path(name)
    return Variable(name, what, at, unit, default=table.get("default", constant(what)))


def _with_default(variable: Variable, default: Constant) -> Variable:
    return Variable(variable.name, variable.kind, variable.path, variable.target_unit, default=default)


def _without(binding: Binding, customers: frozenset[str]) -> Binding:
    """For everybody but customers who have the metric otherwise."""
    return replace(binding, not_customers=customers)


def _alike(one: Binding, other: Binding) -> bool:
    """Whether two bindings give the same metric of the same kind of event."""
    return (one.metric, one.event_name) == (other.metric, other.event_name)


def _meet(one: Binding, other: Binding) -> bool:
    """Whether both can hold for one event."""
    if one.product_id is not None and other.product_id is not None and one.product_id != other.product_id:
        return False
    if (one.customers is None) != (other.customers is None):
        return False
    if one.customers is not None and other.customers is not None and not one.customers & other.customers:
        return False
    return _before(one.start, other.end) and _before(other.start, one.end)


def _before(start: datetime | None, end: datetime | None) -> bool:
    return start is None or end is None or start < end
