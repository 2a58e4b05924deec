"""The dashboards that are installed are those described in code, and Grafana's own models can read them."""

import json
from typing import Any

import pytest
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.grafana import DASHBOARDS
from scripts.build_dashboards import FILES, built

BUILT = built()


def dashboard(name: str) -> dict[str, Any]:
    described: dict[str, Any] = json.loads(BUILT[f"grafana/{name}.json"])
    return described


def test_the_files_are_current() -> None:
    there = {str(file.relative_to(FILES)): file.read_text(encoding="utf-8") for file in FILES.rglob("*.json")}
    assert there == BUILT, "run: python -m scripts.build_dashboards"


@pytest.mark.parametrize("name", DASHBOARDS)
def test_grafanas_models_read_it_and_write_the_same(name: str) -> None:
    plugins.register_default_plugins()
    read = Dashboard.from_json(dashboard(name))
    assert json.loads(json.dumps(read, cls=JSONEncoder)) == dashboard(name)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_have_ids_titles_and_a_place_of_their_own(name: str) -> None:
    panels = dashboard(name)["panels"]
    assert sorted({panel["id"] for panel in panels}) == list(range(1, len(panels) + 1))
    titles = [panel["title"] for panel in panels]
    assert len(set(titles)) == len(titles) > 5
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        place = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not place & taken, f"{panel['title']} lies over another panel"
        taken |= place


def test_every_dashboard_has_an_id_that_links_can_name() -> None:
    uids = {dashboard(name)["uid"] for name in DASHBOARDS}
    assert len(uids) == len(DASHBOARDS)
    assert "marginlake-customer" in uids, "the overview links to it"
    assert "/d/marginlake-customer?var-customer=" in BUILT["grafana/margin-overview.json"]
    assert [each["name"] for each in dashboard("customer")["templating"]["list"]] == ["customer"]


def test_each_panel_asks_the_data_source_it_names() -> None:
    for name in DASHBOARDS:
        for panel in dashboard(name)["panels"]:
            for target in panel.get("targets", []):
                assert target["datasource"] == panel["datasource"]
                assert ("rawSql" in target) == (panel["datasource"]["uid"] == "marginlake-lake")
