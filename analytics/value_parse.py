"""A whole value model: the manifest that the value studio exchanges, and the metrics of the configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final, Literal

from analytics.expressions.nodes import Kind
from analytics.value_fields import Entry, constant, kind, number, path, texts, time_unit, variable_name
from analytics.value_formulas import read_formula
from analytics.value_metrics import per_unit, read_metrics
from analytics.value_model import UNIT_VALUE, Binding, Constant, Formula, Segment, ValueModelError, Variable
from pricing_tables.own_fields import currency, moment, text

_CONTENT: Final = ("metric", "model", "groups", "api")
_API: Final = ("model", "groups", "effective_from", "effective_to")


def parse_content(content: Mapping[str, Any]) -> tuple[Binding, ...]:
    """All bindings of a model: `metric` (tables of the configuration), `model` (a manifest), `groups` (customers by the
    name of their group), `api` (manifest and groups of the REST API; what the others say of a metric and event holds
    instead). Raises ValueModelError with one line naming the entry and the key.
    """
    said = _said(content)
    if content.get("api") is None:
        return said
    entry = Entry("value: api", content["api"])
    entry.only(_API)
    mine = {(binding.metric, binding.event_name) for binding in said}
    return said + tuple(each for each in _model(entry) if (each.metric, each.event_name) not in mine)


def _model(entry: Entry) -> tuple[Binding, ...]:
    """The bindings of `model`, a manifest, for customers by the name of their group in `groups`."""
    return _Manifest(Entry("value model", entry.need("model", lambda model: model)), _groups(entry)).bindings()


def _groups(entry: Entry) -> dict[str, frozenset[str]]:
    return {name: frozenset(texts(members)) for name, members in entry.table("groups").items()}


def _said(content: Mapping[str, Any]) -> tuple[Binding, ...]:
    entry = Entry("value", content)
    entry.only(_CONTENT)
    _groups(entry)
    own = read_metrics(content.get("metric") or ())
    if "model" not in entry:
        return own
    model = _model(entry)
    mine = {(binding.metric, binding.event_name) for binding in own}
    for binding in model:
        if (binding.metric, binding.event_name) in mine:
            raise ValueModelError(
                f"value: {binding.metric!r} of event {binding.event_name!r} is in the model and in a metric of its own"
            )
    return own + model


class _Manifest:
    """The parts of a manifest by their names."""

    def __init__(self, entry: Entry, groups: Mapping[str, frozenset[str]]) -> None:
        self._groups = groups
        self._currency = entry.need("currency", currency)
        self._types = _named(entry, "valueTypes", "slug")
        self._formulas = _named(entry, "formulas", "id")
        self._signals = list(entry.entries("signals", "eventName"))
        self._segments = _named(entry, "segmentTables", "id")
        self._overrides = _named(entry, "overrides", "id")

    def bindings(self) -> tuple[Binding, ...]:
        """One for each value type, stretch of its timeline, event, and set of customers with the same overrides."""
        return tuple(
            binding
            for slug, value_type in self._types.items()
            for start, end, calculation in _timeline(value_type)
            for binding in self._calculated(slug, calculation, start, end)
        )

    def _calculated(self, slug: str, calculation: Entry, start: datetime, end: datetime | None) -> list[Binding]:
        how, unit = _unit(calculation.table("unit"))
        formulas = calculation.need("formulaIds", texts)
        for formula in formulas:
            if formula not in self._formulas:
                raise calculation.wrong("formulaIds", f"no formula {formula!r}")
        found = []
        for customers, others, overrides in self._audiences(calculation):
            for event, signal in self._bound(slug, calculation, formulas, overrides).items():
                money = next(
                    (each for o in reversed(overrides) if (each := o.get("currency", currency))), self._currency
                )
                found.append(
                    Binding(
                        metric=slug,
                        event_name=event,
                        formula=self._formula(
                            slug, calculation, signal, formulas, overrides, unit if how == "duration" else None
                        ),
                        kind=how,
                        unit=money if how == "monetary" else unit,
                        currency=money,
                        conversion=self._conversion(slug, calculation, overrides),
                        customers=customers,
                        not_customers=others,
                        start=start,
                        end=end,
                    )
                )
        return found

    def _audiences(self, calculation: Entry) -> list[tuple[frozenset[str] | None, frozenset[str], list[Entry]]]:
        """Who has which overrides: everybody but some without any, then those with the same ones, in their order."""
        names = calculation.get("overrideIds", texts)
        chosen = list(self._overrides) if names is None else names
        for name in chosen:
            if name not in self._overrides:
                raise calculation.wrong("overrideIds", f"no override {name!r}")
        theirs: dict[str, list[str]] = {}
        # those for a group first, so that what is said of a customer by name wins
        for by_name in (False, True):
            for name in chosen:
                for customer in self._scope(self._overrides[name], by_name=by_name):
                    mine = theirs.setdefault(customer, [])
                    if name in mine:
                        mine.remove(name)
                    mine.append(name)
        alike: dict[tuple[str, ...], set[str]] = {}
        for customer, mine in theirs.items():
            alike.setdefault(tuple(mine), set()).add(customer)
        special = [
            (frozenset(customers), frozenset[str](), [self._overrides[name] for name in mine])
            for mine, customers in alike.items()
        ]
        return [(None, frozenset(theirs), []), *special]

    def _scope(self, override: Entry, *, by_name: bool) -> frozenset[str]:
        scope = override.table("scope")
        if by_name:
            return frozenset(scope.get("customerIds", texts) or ())
        members: frozenset[str] = frozenset()
        for group in scope.get("customerGroupIds", texts) or ():
            if group not in self._groups:
                raise scope.wrong("customerGroupIds", f"no group {group!r}: name its customers under [value.groups]")
            members |= self._groups[group]
        return members

    def _bound(
        self, slug: str, calculation: Entry, formulas: Sequence[str], overrides: Sequence[Entry]
    ) -> dict[str, Entry]:
        """The signals that feed the metric, by their event."""
        found = {
            event: self._signal(slug, event, calculation, formulas)
            for event in calculation.need("signalEventNames", texts)
        }
        for override in overrides:
            for signal in override.entries("additionalSignals", "eventName"):
                if (formula := signal.get("formulaId", text)) is None or self._is_of(formula, slug, formulas):
                    found[signal.need("eventName", text)] = signal
        return found

    def _signal(self, slug: str, event: str, calculation: Entry, formulas: Sequence[str]) -> Entry:
        fitting = [
            signal
            for signal in self._signals
            if signal.need("eventName", text) == event
            and ((formula := signal.get("formulaId", text)) is None or self._is_of(formula, slug, formulas))
        ]
        if len(fitting) != 1:
            many = "no signal" if not fitting else "more than one signal"
            raise calculation.wrong("signalEventNames", f"{many} of the model feeds {slug!r} from event {event!r}")
        return fitting[0]

    def _is_of(self, formula: str, slug: str, formulas: Sequence[str]) -> bool:
        if formula not in self._formulas:
            raise ValueModelError(f"value model: signals: no formula {formula!r}")
        return formula in formulas and self._formulas[formula].get("valueTypeSlug", text) in (None, slug)

    def _formula(
        self,
        slug: str,
        calculation: Entry,
        signal: Entry,
        formulas: Sequence[str],
        overrides: Sequence[Entry],
        duration: str | None,
    ) -> Formula:
        own = [name for name in formulas if self._formulas[name].get("valueTypeSlug", text) in (None, slug)]
        if not own:
            raise calculation.wrong("formulaIds", f"none of them is a formula of {slug!r}")
        entry = self._formulas[signal.get("formulaId", text) or own[0]]
        event = signal.need("eventName", text)
        defaults = dict(signal.table("defaults").items())
        fixed: dict[str, Any] = {}
        for override in overrides:
            defaults |= dict(override.table("signalOverrides").table(event).table("defaults").items())
            fixed |= dict(override.table("valueTypeOverrides").table(slug).table("variables").items())
        tables = signal.get("segmentTableIds", texts)
        if tables is None:
            tables = calculation.get("segmentTableIds", texts) or []
        variables: list[Variable] = []
        for declared in entry.entries("variables", "id"):
            name = declared.need("id", variable_name)
            if any(each.name == name for each in variables):
                raise declared.wrong("id", f"{name!r} is declared twice")
            variables.append(self._variable(declared, signal, duration, self._rows(signal, tables, name)))
        return read_formula(entry, [_given(each, signal, defaults, fixed) for each in variables])

    def _variable(
        self, declared: Entry, signal: Entry, duration: str | None, segments: tuple[Segment, ...]
    ) -> Variable:
        name = declared.need("id", variable_name)
        what: Kind = declared.get("type", kind) or "number"
        derived = declared.table("derivedFrom")
        unit = None
        source = path(name)
        if "sourceField" in derived:
            source, unit = derived.need("sourceField", path), derived.need("targetUnit", time_unit)
        elif declared.get("type", text) == "duration":
            unit = declared.get("formatUnit", time_unit) or duration
            if unit is None:
                raise declared.wrong("formatUnit", "a duration needs a unit of time")
        mapped = signal.table("variableMapping").get(name, path)
        return Variable(name, what, mapped or source, unit, segments=segments)

    def _rows(self, signal: Entry, tables: Sequence[str], name: str) -> tuple[Segment, ...]:
        """What segment tables say of a variable."""
        found = []
        for table in tables:
            if table not in self._segments:
                raise signal.wrong("segmentTableIds", f"no segment table {table!r}")
            entry = self._segments[table]
            keys = entry.need("segmentKeys", texts)
            rows: dict[tuple[str, ...], Fraction] = {}
            for row in entry.entries("rows"):
                values = row.table("segmentValues")
                at = tuple(values.need(key, _segment_text) for key in keys)
                value = row.table("variables").get(name, number)
                if value is not None and at in rows:
                    raise row.wrong("segmentValues", f"{', '.join(at)} has a row already")
                if value is not None:
                    rows[at] = value
            default = entry.table("defaultRow").get(name, number)
            if rows or default is not None:
                found.append(Segment(tuple(path(key) for key in keys), rows, default))
        return tuple(found)

    def _conversion(self, slug: str, calculation: Entry, overrides: Sequence[Entry]) -> Formula | None:
        if "monetaryConversion" not in calculation:
            return None
        entry = calculation.table("monetaryConversion")
        own: dict[str, Any] = {}
        for override in overrides:
            own |= dict(override.table("monetaryConversionOverrides").table(slug).table("variables").items())
        where = Entry(f"{entry.where}: variables", own)
        if "expression" not in entry:
            return per_unit(entry, where.get("rate", number) or entry.need("valuePerUnit", number))
        variables = []
        for declared in entry.entries("variables", "id"):
            name = declared.need("id", variable_name)
            value = where.get(name, number)
            variables.append(Variable(name, fixed=declared.need("default", number) if value is None else value))
        return read_formula(entry, variables, extra=[UNIT_VALUE])


def _given(variable: Variable, signal: Entry, defaults: Mapping[str, Any], fixed: Mapping[str, Any]) -> Variable:
    """The variable with what the model says of it for this event and these customers."""
    read = constant(variable.kind)
    default: Constant | None = Entry(f"{signal.where}: defaults", defaults).get(variable.name, read)
    if default is None and variable.name == "quantity":
        default = Fraction(1)
    set_to = Entry(f"{signal.where}: overrides", fixed).get(variable.name, read)
    return replace(variable, default=default, fixed=set_to)


def _named(entry: Entry, key: str, name: str) -> dict[str, Entry]:
    """The tables of a list by their name, which no two may share."""
    found: dict[str, Entry] = {}
    for each in entry.entries(key, name):
        called = each.need(name, text)
        if called in found:
            raise each.wrong(name, f"{called!r} is there twice")
        found[called] = each
    return found


def _timeline(value_type: Entry) -> list[tuple[datetime, datetime | None, Entry]]:
    """From when to when which calculation holds."""
    archived = value_type.get("archivedAt", moment)
    dated = sorted(
        ((each.need("effectiveFrom", moment), each) for each in value_type.entries("calculationTimeline")),
        key=lambda pair: pair[0],
    )
    if not dated:
        raise value_type.wrong("calculationTimeline", "missing")
    for (one, _), (other, entry) in pairwise(dated):
        if one == other:
            raise entry.wrong("effectiveFrom", f"{one.isoformat()} is there twice")
    ends = [*(start for start, _ in dated[1:]), None]
    found = []
    for (start, entry), end in zip(dated, ends, strict=True):
        until = archived if end is None or (archived is not None and archived < end) else end
        if until is None or start < until:
            found.append((start, until, entry.table("calculation")))
    return found


def _unit(entry: Entry) -> tuple[Literal["monetary", "duration", "custom"], str]:
    which = entry.need("type", text)
    if which == "monetary":
        return "monetary", ""
    if which == "duration":
        return "duration", entry.need("durationUnit", time_unit)
    if which == "custom":
        return "custom", entry.get("unit", text) or entry.need("unitDisplay", text)
    raise entry.wrong("type", f"{which!r} is none of monetary, duration, custom")


def _segment_text(value: object) -> str:
    """A segment's text as it stands in the data."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int):
        return str(value)
    raise ValueError(f"{value!r} is not a text")
