"""Value metrics as they stand in a manifest: one value type, its formula, and the signal that feeds it.

Pure functions from manifest to manifest, in the API's own JSON names. None of them changes what it is given.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from analytics.value_model import ValueModelError
from analytics.value_parse import parse_content

Content = dict[str, Any]

ALWAYS: Final = "1970-01-01T00:00:00Z"
"""From when a metric of the API holds: history is valued by it, too."""

RATE: Final = "unit_value * rate"
"""The conversion of an amount at so much a unit."""

_TEXTS: Final = ("name", "category", "description", "longDescription", "sources", "archivedAt")


def empty(currency: str = "USD") -> Content:
    """A manifest that says nothing yet."""
    return {"currency": currency, "valueTypes": [], "formulas": [], "signals": []}


def check(content: Content, groups: Mapping[str, list[str]]) -> None:
    """Raises ValueModelError with one line that names the part that cannot be used."""
    if not isinstance(content.get("currency"), str):
        raise ValueModelError("value model: currency: missing")
    parse_content({"api": {"model": content, "groups": dict(groups)}})


def slugs(content: Content) -> list[str]:
    """The metrics, in their order."""
    return [each["slug"] for each in content["valueTypes"]]


def value_type(content: Content, slug: str) -> Content | None:
    """The value type of a metric."""
    return next((each for each in content["valueTypes"] if each["slug"] == slug), None)


@dataclass(frozen=True)
class Metric:
    """A metric as its manifest has it: the calculation that holds last, its formula, the signals that feed it."""

    value_type: Content
    calculation: Content
    formula: Content | None
    signals: list[Content]


def metric(content: Content, slug: str) -> Metric | None:
    """The parts of a metric, None for one that the manifest lacks."""
    found = value_type(content, slug)
    if found is None:
        return None
    calculation = max(found["calculationTimeline"], key=lambda each: str(each["effectiveFrom"]))["calculation"]
    own = [
        each for each in content["formulas"]
        if each["id"] in calculation["formulaIds"] and each.get("valueTypeSlug") in (None, slug)
    ]  # fmt: skip
    names = {each["id"] for each in own}
    signals = [
        each for each in content["signals"]
        if each["eventName"] in calculation["signalEventNames"] and each.get("formulaId") in (None, *names)
    ]  # fmt: skip
    return Metric(found, calculation, own[0] if own else None, signals)


def conversion_of(calculation: Content) -> Content | None:
    """The monetary conversion as it is shown; `valuePerUnit` only where it is so much a unit."""
    stored = calculation.get("monetaryConversion")
    if stored is None:
        return None
    variables = list(stored.get("variables") or ())
    shown: Content = {"expression": stored["expression"], "variables": variables}
    if _bare(stored["expression"]) == _bare(RATE) and [each["id"] for each in variables] == ["rate"]:
        shown |= {"valuePerUnit": variables[0]["default"], "label": variables[0]["label"]}
    return shown


def with_metric(content: Content, slug: str, said: Content) -> Content:
    """The manifest with one more metric; `said`: the body of its creation."""
    formula, signal = said["formula"], said["signal"]
    formula_id = _free(f"{slug}_formula", {each["id"] for each in content["formulas"]})
    calculation: Content = {
        "unit": said["unit"], "formulaIds": [formula_id], "signalEventNames": [signal["eventName"]],
        "segmentTableIds": [], "overrideIds": [],
    }  # fmt: skip
    if said.get("monetaryConversion") is not None:
        calculation["monetaryConversion"] = _per_unit(said["monetaryConversion"])
    new_type = {
        "slug": slug,
        **{key: said[key] for key in _TEXTS if said.get(key) is not None},
        "calculationTimeline": [{"effectiveFrom": ALWAYS, "calculation": calculation}],
    }
    new_formula = {
        "id": formula_id, "valueTypeSlug": slug, "label": formula.get("label") or said["name"],
        "expression": formula["expression"], "variables": formula["variables"],
    }  # fmt: skip
    new_signal = {**signal, "label": signal.get("label") or signal["eventName"], "formulaId": formula_id}
    return {
        **content,
        "valueTypes": [*content["valueTypes"], new_type],
        "formulas": [*content["formulas"], new_formula],
        "signals": [*content["signals"], new_signal],
    }


def with_changes(content: Content, slug: str, said: Content) -> Content:
    """The manifest with a metric changed; `said`: the fields that were sent, None where they are to go.

    Raises ValueModelError for a variable that the formula does not declare.
    """
    known = metric(content, slug)
    if known is None:
        raise ValueModelError(f"no value metric {slug!r}")
    calculation = dict(known.calculation)
    if said.get("unit") is not None:
        calculation["unit"] = said["unit"]
    if "monetaryConversion" in said:
        calculation.pop("monetaryConversion", None)
        if said["monetaryConversion"] is not None:
            calculation["monetaryConversion"] = _per_unit(said["monetaryConversion"])
    changed: Content = {**known.value_type, **{key: said[key] for key in _TEXTS if key in said}}
    changed = {key: value for key, value in changed.items() if value is not None}
    changed["calculationTimeline"] = [
        {**each, "calculation": calculation} if each["calculation"] is known.calculation else each
        for each in known.value_type["calculationTimeline"]
    ]
    return _with_variables(_swapped(content, "valueTypes", known.value_type, changed), known, said.get("variables"))


def _with_variables(content: Content, known: Metric, edits: Content | None) -> Content:
    if not edits:
        return content
    declared: list[Content] = [] if known.formula is None else known.formula["variables"]
    for name in edits:
        if name not in {each["id"] for each in declared}:
            raise ValueModelError(f"variables: {name}: the formula of the metric declares no such variable")
    if known.formula is None:
        return content
    shown = {name: {key: value for key, value in edit.items() if key != "value"} for name, edit in edits.items()}
    variables = [{**each, **shown.get(each["id"], {})} for each in declared]
    content = _swapped(content, "formulas", known.formula, {**known.formula, "variables": variables})
    values = {name: edit["value"] for name, edit in edits.items() if edit.get("value") is not None}
    if values:
        _refuse_shared(content, known)
    for signal in known.signals if values else ():
        content = _swapped(
            content, "signals", signal, {**signal, "defaults": {**(signal.get("defaults") or {}), **values}}
        )
    return content


def _refuse_shared(content: Content, known: Metric) -> None:
    """Raises ValueModelError where a default would be another metric's default too."""
    others = {
        event
        for each in content["valueTypes"]
        if each["slug"] != known.value_type["slug"]
        for stretch in each["calculationTimeline"]
        for event in stretch["calculation"]["signalEventNames"]
    }
    for signal in known.signals:
        if signal.get("formulaId") is None and signal["eventName"] in others:
            raise ValueModelError(
                f"variables: the signal {signal['eventName']!r} feeds other metrics, too; send a whole value model"
            )


def _per_unit(said: Content) -> Content:
    rate = {"id": "rate", "label": said.get("label") or "Rate", "default": said["valuePerUnit"]}
    return {"expression": RATE, "variables": [rate]}


def _swapped(content: Content, key: str, old: Content, new: Content) -> Content:
    return {**content, key: [new if each is old else each for each in content[key]]}


def _free(name: str, taken: set[str]) -> str:
    number = 2
    free = name
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free


def _bare(expression: str) -> str:
    return "".join(expression.split())
