"""Value metrics and models over the API."""

import json
from typing import Any

import pytest

from tests.analytics.test_value_manifest import MANIFEST as STUDIO
from tests.billing.shop import Shop
from tests.billing.value.wanted import METRIC, sell


@pytest.fixture(autouse=True)
def sold(shop: Shop) -> None:
    """An active product with a price for the event of the metric."""
    sell(shop, "chat_message")


def create(shop: Shop, **changes: Any) -> Any:
    return shop.api.post("/value-metrics/", json={**METRIC, **changes})


def test_a_metric_is_created_shown_changed_and_archived(shop: Shop) -> None:
    made = create(shop)
    assert (made.status_code, made.json()) == (201, {"slug": "hours_saved", "name": "Hours saved", "version": 1})

    shown = shop.api.get("/value-metrics/hours_saved").json()
    assert shown["unit"] == {"type": "duration", "durationUnit": "minutes"}
    assert shown["monetaryConversion"] == {
        "valuePerUnit": 0.5,
        "label": "Rate",
        "expression": "unit_value * rate",
        "variables": [{"id": "rate", "label": "Rate", "default": 0.5}],
    }
    assert shown["formula"]["expression"] == "minutes_saved"
    assert shown["signals"] == [
        {"eventName": "chat_message", "label": "chat_message", "defaults": {"minutes_saved": 3}}
    ]

    changed = shop.api.patch(
        "/value-metrics/hours_saved",
        json={
            "name": "Time",
            "variables": {"minutes_saved": {"value": 4.5, "label": "Minutes"}},
            "monetaryConversion": None,
            "expectedActiveVersion": 1,
        },
    )
    assert changed.json() == {"slug": "hours_saved", "name": "Time", "version": 2}
    shown = shop.api.get("/value-metrics/hours_saved").json()
    assert "monetaryConversion" not in shown
    assert shown["formula"]["variables"] == [{"id": "minutes_saved", "label": "Minutes"}]
    assert shown["signals"][0]["defaults"] == {"minutes_saved": 4.5}

    assert shop.api.delete("/value-metrics/hours_saved").json()["version"] == 3
    assert shop.api.get("/value-metrics").json()["data"] == []
    archived = shop.api.get("/value-metrics", params={"includeArchived": "true"}).json()
    assert [each["archivedAt"] for each in archived["data"]] == ["2026-03-15T12:00:00Z"]
    assert archived["pagination"] == {"limit": 100, "offset": 0, "total": 1, "hasMore": False}
    # archiving again changes nothing; null brings it back
    assert shop.api.delete("/value-metrics/hours_saved").json()["version"] == 3
    assert shop.api.patch("/value-metrics/hours_saved", json={"archivedAt": None}).json()["version"] == 4
    assert len(shop.api.get("/value-metrics").json()["data"]) == 1


def test_whoever_expects_another_version_is_told(shop: Shop) -> None:
    assert create(shop, expectedActiveVersion=1).status_code == 409
    assert create(shop, expectedActiveVersion=0).status_code == 201
    late = shop.api.patch("/value-metrics/hours_saved", json={"name": "Mine", "expectedActiveVersion": 7})
    assert (late.status_code, late.json()["details"]) == (
        409,
        "expectedActiveVersion: 7, but version 1 is active",
    )
    assert shop.api.delete("/value-metrics/hours_saved", params={"expectedActiveVersion": 2}).status_code == 409
    assert create(shop).status_code == 409


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"signal": {"eventName": "never_seen"}}, "signal.eventName"),
        ({"slug": "Hours Saved"}, "slug"),
        ({"name": "???"}, "name"),
        ({"unit": {"type": "duration"}}, "unit"),
        ({"formula": {"expression": "minutes_saved +", "variables": METRIC["formula"]["variables"]}}, "expression"),
        ({"formula": {"expression": "other", "variables": []}}, "expression"),
        ({"sources": [{"name": "a", "url": "b"}] * 4}, "sources"),
        ({"monetaryConversion": {"valuePerUnit": 1e300}}, "valuePerUnit"),
        ({"formula": {"expression": "(" * 4000, "variables": []}}, "expression"),
    ],
)
def test_what_cannot_be_used_is_named(shop: Shop, changes: dict[str, Any], named: str) -> None:
    answer = create(shop, **changes)
    assert answer.status_code == 400
    assert named in answer.json()["details"]
    assert shop.api.get("/value-models").status_code == 404


@pytest.mark.parametrize("key", ["formula", "signal", "slug"])
def test_formula_and_signal_never_change(shop: Shop, key: str) -> None:
    create(shop)
    answer = shop.api.patch("/value-metrics/hours_saved", json={key: {}})
    assert answer.status_code == 400
    assert "cannot be changed" in answer.json()["details"]
    unknown = shop.api.patch("/value-metrics/hours_saved", json={"variables": {"other": {"value": 1}}})
    assert (unknown.status_code, "other" in unknown.json()["details"]) == (400, True)


def test_an_unknown_metric_is_not_found(shop: Shop) -> None:
    for answer in (
        shop.api.get("/value-metrics/none"),
        shop.api.patch("/value-metrics/none", json={}),
        shop.api.delete("/value-metrics/none"),
    ):
        assert answer.status_code == 404


def test_a_constant_needs_no_variables_and_a_unit_of_ones_own_has_a_name(shop: Shop) -> None:
    said = {"slug": "tickets", "formula": {"expression": "1", "variables": []}, "signal": {"eventName": "chat_message"}}
    assert create(shop, unit={"type": "custom", "unitDisplay": "tickets"}, **said).status_code == 201
    shown = shop.api.get("/value-metrics/tickets").json()
    assert shown["unit"] == {"type": "custom", "unit": "tickets", "unitDisplay": "tickets"}


MANIFEST = json.loads(json.dumps(STUDIO).replace(":00Z", ":00.000Z"))
MANIFEST["overrides"] = [each for each in MANIFEST["overrides"] if each["id"] != "partners"]
for _type in MANIFEST["valueTypes"]:
    for _stretch in _type["calculationTimeline"]:
        _stretch["calculation"]["overrideIds"] = []


def test_a_whole_manifest_comes_back_as_it_was_sent_and_metrics_are_a_view_of_it(shop: Shop) -> None:
    create(shop)
    put = shop.api.put("/value-models/", json={"content": MANIFEST, "effectiveFrom": "2026-01-01T00:00:00Z"})
    assert put.status_code == 200, put.json()
    assert put.json()["version"] == 2
    assert put.json()["content"] == MANIFEST
    assert shop.api.get("/value-models").json() == put.json()
    versions = shop.api.get("/value-models/versions").json()
    assert [(each["version"], each["status"]) for each in versions["data"]] == [(2, "active"), (1, "archived")]
    assert shop.api.get("/value-models/versions/1").json()["content"]["valueTypes"][0]["slug"] == "hours_saved"
    assert shop.api.get("/value-models/versions/9").status_code == 404
    listed = shop.api.get("/value-metrics", params={"includeArchived": "true"}).json()
    slugs = [each["slug"] for each in listed["data"]]
    assert slugs == [each["slug"] for each in MANIFEST["valueTypes"]]
    # a metric's edit leaves the rest of the manifest as it is
    shop.api.patch(f"/value-metrics/{slugs[0]}", json={"description": "mine"})
    edited = shop.api.get("/value-models").json()["content"]
    assert edited["valueTypes"][0].pop("description") == "mine"
    assert edited == {**MANIFEST, "valueTypes": edited["valueTypes"]}
    assert shop.api.get("/value-models").json()["effectiveFrom"] == "2026-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("part", "value", "named"),
    [
        ("rules", [], "content.rules"),
        ("currency", "dollars", "currency"),
        ("formulas", [], "formula"),
        ("signals", [], "signal"),
    ],
)
def test_a_part_that_means_nothing_or_nothing_good_is_refused(shop: Shop, part: str, value: object, named: str) -> None:
    answer = shop.api.put("/value-models", json={"content": {**MANIFEST, part: value}})
    assert answer.status_code == 400
    assert named in answer.json()["details"]


def test_unknown_groups_are_refused_and_known_ones_are_taken(shop: Shop) -> None:
    override = {"id": "vip", "label": "VIP", "scope": {"customerGroupIds": ["cg_none"]}}
    answer = shop.api.put("/value-models", json={"content": {**MANIFEST, "overrides": [override]}})
    assert (answer.status_code, "cg_none" in answer.json()["details"]) == (400, True)


def test_a_backfill_names_the_version_and_needs_one(shop: Shop) -> None:
    assert shop.api.post("/value-models/backfill", json={}).status_code == 404
    create(shop)
    model = shop.api.get("/value-models").json()
    assert shop.api.post("/value-models/backfill", json={}).json() == {"valueModelId": model["id"], "version": 1}
