"""The manifest of a value studio: timelines, conditions, segment tables, and overrides for customers and groups."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from analytics.event_rules import EventRules
from analytics.value import event_values
from analytics.value_model import ValueModel, ValueModelError
from analytics.value_parse import parse_content
from lake.schema import TABLES

AUTUMN = datetime(2026, 10, 1, tzinfo=UTC)

MANIFEST: dict[str, Any] = {
    "currency": "USD",
    "valueTypes": [
        {
            "slug": "time_saved",
            "name": "Time saved",
            "calculationTimeline": [
                {
                    "effectiveFrom": "2026-01-01T00:00:00Z",
                    "calculation": {
                        "unit": {"type": "duration", "durationUnit": "minutes"},
                        "monetaryConversion": {
                            "expression": "unit_value * hourly / 60",
                            "variables": [{"id": "hourly", "label": "Hourly wage", "default": 30}],
                        },
                        "formulaIds": ["minutes"],
                        "signalEventNames": ["ticket", "call"],
                        "segmentTableIds": ["wages"],
                        "overrideIds": ["big", "partners"],
                    },
                },
                {
                    "effectiveFrom": "2026-11-01T00:00:00Z",
                    "calculation": {
                        "unit": {"type": "duration", "durationUnit": "hours"},
                        "formulaIds": ["minutes"],
                        "signalEventNames": ["ticket"],
                        "segmentTableIds": [],
                        "overrideIds": [],
                    },
                },
            ],
        },
        {
            "slug": "money_saved",
            "name": "Money saved",
            "archivedAt": "2026-12-01T00:00:00Z",
            "calculationTimeline": [
                {
                    "effectiveFrom": "2026-01-01T00:00:00Z",
                    "calculation": {
                        "unit": {"type": "monetary"},
                        "formulaIds": ["cents"],
                        "signalEventNames": ["ticket"],
                        "segmentTableIds": [],
                        "overrideIds": ["partners"],
                    },
                }
            ],
        },
    ],
    "formulas": [
        {
            "id": "minutes",
            "valueTypeSlug": "time_saved",
            "label": "Minutes",
            "variables": [
                {
                    "id": "handling",
                    "label": "Handling",
                    "derivedFrom": {"sourceField": "handled", "targetUnit": "minutes"},
                },
                {"id": "effort", "label": "Effort"},
                {"id": "resolved", "label": "Resolved", "type": "boolean"},
            ],
            "expression": "handling * effort",
            "conditions": [
                {
                    "field": "resolved",
                    "operator": "eq_bool",
                    "value": False,
                    "result": {"type": "constant", "value": 0},
                },
                {
                    "field": "data.priority",
                    "operator": "eq_string",
                    "value": "urgent",
                    "result": {"type": "expression", "expression": "handling * effort * 2"},
                },
                {
                    "field": "note",
                    "operator": "contains",
                    "value": "spam",
                    "result": {"type": "constant", "value": 0.5},
                },
            ],
        },
        {
            "id": "cents",
            "valueTypeSlug": "money_saved",
            "label": "Cents",
            "variables": [{"id": "money_saved", "label": "Saved"}],
            "expression": "money_saved",
            "conditions": [
                {
                    "field": "money_saved",
                    "operator": "gte",
                    "value": 100,
                    "result": {"type": "expression", "expression": "money_saved"},
                }
            ],
            "defaultResult": {"type": "constant", "value": 0},
        },
    ],
    "signals": [
        {
            "eventName": "ticket",
            "label": "Ticket",
            "formulaId": "minutes",
            "defaults": {"effort": 1, "resolved": True} | {"resolved": True},
        },
        {"eventName": "ticket", "label": "Ticket", "formulaId": "cents"},
        {
            "eventName": "call",
            "label": "Call",
            "formulaId": "minutes",
            "variableMapping": {"effort": "$.dims.effort", "handling": "data.length"},
            "defaults": {"resolved": True},
        },
    ],
    "segmentTables": [
        {
            "id": "wages",
            "label": "Wages",
            "segmentKeys": ["data.country", "level"],
            "columns": [{"variableId": "effort", "label": "Effort", "type": "number"}],
            "rows": [
                {"segmentValues": {"data.country": "DE", "level": "2"}, "variables": {"effort": 1.5}},
                {"segmentValues": {"data.country": "FR", "level": "1"}, "variables": {"effort": 0.1}},
            ],
        }
    ],
    "overrides": [
        {
            "id": "big",
            "label": "Big ones",
            "scope": {"customerIds": ["acme"]},
            "monetaryConversionOverrides": {"time_saved": {"variables": {"hourly": 60}}},
            "signalOverrides": {"ticket": {"defaults": {"effort": 3}}},
        },
        {
            "id": "partners",
            "label": "Partners",
            "scope": {"customerIds": ["initech"], "customerGroupIds": ["partners"]},
            "valueTypeOverrides": {"time_saved": {"variables": {"effort": 10}}},
            "additionalSignals": [{"eventName": "visit", "label": "Visit", "formulaId": "cents"}],
        },
    ],
}
GROUPS = {"partners": ["acme", "hooli"]}


def values(
    *data: dict[str, Any], event: str = "ticket", customer: str = "umbrella", at: datetime = AUTUMN, **manifest: Any
) -> dict[str, list[tuple[Decimal | None, Decimal | None]]]:
    """(amount, value_usd) of each event in order, by metric."""
    rows = [
        {
            "signal_id": f"s{place}",
            "event_name": event,
            "customer_id": customer,
            "occurred_at": at,
            "data": json.dumps(each),
        }
        for place, each in enumerate(data)
    ]
    model = ValueModel(1, parse_content({"model": MANIFEST | manifest, "groups": GROUPS}))
    found, _ = event_values(pl.DataFrame(rows, schema=TABLES["signals"].polars_schema), EventRules(value=(model,)))
    told: dict[str, list[tuple[Decimal | None, Decimal | None]]] = {}
    for row in found.sort("signal_id").to_dicts():
        told.setdefault(row["metric"], []).append((row["amount"], row["value_usd"]))
    return told


def hours(count: float) -> dict[str, Any]:
    return {"handled": count, "handled_unit": "hours"}


def test_durations_are_derived_and_converted_into_money() -> None:
    assert values(hours(0.5)) == {"time_saved": [(30, 15)]}


def test_the_first_condition_that_holds_decides() -> None:
    said = [
        hours(1) | {"resolved": False, "priority": "urgent"},
        hours(1) | {"priority": "urgent", "note": "spam"},
        hours(1) | {"note": "no spam"},
        hours(1) | {"note": "fine", "priority": 7},
    ]
    assert [amount for amount, _ in values(*said)["time_saved"]] == [0, 120, Decimal("0.5"), 60]


def test_without_a_condition_that_holds_the_default_result_counts() -> None:
    assert values({"money_saved": 99}, {"money_saved": 100})["money_saved"] == [(0, 0), (1, 1)]


def test_segments_stand_between_the_data_and_the_defaults() -> None:
    said = [
        hours(1) | {"country": "DE", "level": 2},
        hours(1) | {"country": "DE", "level": "1"},
        hours(1) | {"country": "FR", "level": 1, "effort": 7},
        hours(1) | {"country": "FR", "level": 1},
    ]
    assert [amount for amount, _ in values(*said)["time_saved"]] == [90, 60, 420, 6]


def test_a_signal_maps_variables_to_places_in_its_data() -> None:
    said = {"length": 3, "length_unit": "minutes", "dims": {"effort": 4}}
    assert values(said, event="call") == {"time_saved": [(12, 6)]}


def test_overrides_hold_for_their_customers_and_groups() -> None:
    assert values(hours(1), customer="umbrella")["time_saved"] == [(60, 30)]
    # a partner by group: effort is fixed at 10, whatever the data says
    assert values(hours(1) | {"effort": 2}, customer="hooli")["time_saved"] == [(600, 300)]
    # acme is a partner by its group, and has a wage of its own
    assert values(hours(1), customer="acme")["time_saved"] == [(600, 600)]
    assert values({"money_saved": 500}, event="visit", customer="initech")["money_saved"] == [(5, 5)]
    assert values({"money_saved": 500}, event="visit") == {}


def test_a_timeline_changes_the_calculation_and_archiving_ends_it() -> None:
    november = datetime(2026, 11, 1, tzinfo=UTC)
    said = hours(2) | {"money_saved": 700}
    # from November on the amount counts hours and is worth nothing in money; formulas give what their variables say
    assert values(said, at=november) == {"time_saved": [(120, None)], "money_saved": [(7, 7)]}
    assert "money_saved" not in values(said, at=datetime(2026, 12, 1, tzinfo=UTC))
    assert values(said, at=datetime(2025, 12, 31, tzinfo=UTC)) == {}


@pytest.mark.parametrize(
    ("path", "value", "error"),
    [
        (["currency"], None, "value model: currency: missing"),
        (["valueTypes", 1, "slug"], "time_saved", "slug: 'time_saved' is there twice"),
        (["formulas", 1, "id"], "minutes", "id: 'minutes' is there twice"),
        (["formulas", 0, "expression"], "handlng * 2", "formulas minutes: expression: unknown variable 'handlng'"),
        (["formulas", 0, "conditions", 0, "value"], "no", "value: 'no' is not true or false"),
        (["formulas", 0, "conditions", 0, "operator"], "between", "operator: 'between' is none of gte"),
        (["formulas", 1, "conditions", 0, "operator"], "eq_string", "value: 100 is not a text"),
        (["formulas", 1, "defaultResult", "type"], "guess", "type: 'guess' is neither constant nor expression"),
        (["formulas", 0, "variables", 0, "derivedFrom", "targetUnit"], "weeks", "'weeks' is none of seconds"),
        (["valueTypes", 0, "calculationTimeline", 0, "calculation", "formulaIds"], ["x"], "formulaIds: no formula 'x'"),
        (["valueTypes", 0, "calculationTimeline", 1, "effectiveFrom"], "2026-01-01", "is there twice"),
        (["valueTypes", 0, "calculationTimeline", 0, "calculation", "signalEventNames"], ["mail"], "no signal of"),
        (["valueTypes", 0, "calculationTimeline", 0, "calculation", "segmentTableIds"], ["x"], "no segment table 'x'"),
        (["valueTypes", 0, "calculationTimeline", 0, "calculation", "overrideIds"], ["x"], "no override 'x'"),
        (["segmentTables", 0, "rows", 1, "segmentValues"], {"data.country": "DE", "level": "2"}, "DE, 2 has a row"),
        (["overrides", 1, "scope", "customerGroupIds"], ["friends"], "no group 'friends'"),
        (["signals", 0, "defaults", "effort"], "much", "effort: 'much' is not a number"),
    ],
)  # fmt: skip
def test_a_wrong_manifest_is_refused_with_the_place(path: list[str | int], value: object, error: str) -> None:
    manifest = deepcopy(MANIFEST)
    place: Any = manifest
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(ValueModelError) as raised:
        parse_content({"model": manifest, "groups": GROUPS})
    assert error in str(raised.value)


def test_a_metric_cannot_be_in_the_model_and_in_the_settings() -> None:
    own = {"name": "Money saved", "event": "ticket", "unit": "monetary", "field": "money_saved"}
    with pytest.raises(ValueModelError, match="in the model and in a metric of its own"):
        parse_content({"model": MANIFEST, "groups": GROUPS, "metric": [own]})
