"""`marginlake dashboards`: what it writes, what it refuses, and that DuckDB can do what the data source is told to."""

import json
from collections.abc import Callable
from pathlib import Path

import duckdb
import duckdb_extensions
import pytest

from dashboards import provisioning
from lake.extensions import REQUIRED
from lake.read import query
from marginlake.cli import run

Lines = list[str]
Cli = Callable[..., tuple[int, Lines, str]]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    def call(*words: str) -> tuple[int, Lines, str]:
        code = run(words)
        told = capsys.readouterr()
        return code, told.out.splitlines(), told.err

    return call


def test_grafana_gets_dashboards_data_sources_and_a_provider(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "boards"
    code, written, _ = cli("dashboards", "grafana", "--out", str(out), "--data", str(tmp_path / "it's data"))
    assert code == 0
    assert written == [
        "dashboards/customer.json",
        "dashboards/ingest-health.json",
        "dashboards/margin-overview.json",
        "dashboards/models-and-prices.json",
        "provisioning/dashboards/marginlake.yaml",
        "provisioning/datasources/marginlake.yaml",
    ]
    assert json.loads((out / written[0]).read_text())["title"] == "One customer"
    assert f'path: "{out}/dashboards"' in (out / written[4]).read_text()
    sources = (out / written[5]).read_text()
    assert "type: motherduck-duckdb-datasource" in sources
    assert f"ducklake:sqlite:{tmp_path}/it''s data/catalog.sqlite" in sources


def test_datadog_gets_a_dashboard_and_a_check(cli: Cli, tmp_path: Path) -> None:
    assert cli("dashboards", "datadog", "--out", str(tmp_path))[:2] == (
        0,
        ["marginlake.json", "openmetrics.d/conf.yaml"],
    )
    assert json.loads((tmp_path / "marginlake.json").read_text())["title"] == "marginlake"


def test_a_second_time_changes_nothing_and_says_so(cli: Cli, tmp_path: Path) -> None:
    cli("dashboards", "datadog", "--out", str(tmp_path))
    assert cli("dashboards", "datadog", "--out", str(tmp_path)) == (0, ["all of it is there already"], "")


def test_what_someone_changed_is_not_overwritten_unless_forced(cli: Cli, tmp_path: Path) -> None:
    cli("dashboards", "datadog", "--out", str(tmp_path))
    changed = tmp_path / "marginlake.json"
    changed.write_text("{}")
    (tmp_path / "openmetrics.d" / "conf.yaml").unlink()
    code, out, err = cli("dashboards", "datadog", "--out", str(tmp_path))
    assert (code, out) == (1, [])
    assert err == f"marginlake: there already, with other content: {changed} (--force overwrites)\n"
    assert changed.read_text() == "{}"
    assert not (tmp_path / "openmetrics.d" / "conf.yaml").exists(), "nothing at all was written"
    assert cli("dashboards", "datadog", "--out", str(tmp_path), "--force")[0] == 0
    assert changed.read_text() != "{}"


def test_a_folder_is_needed(cli: Cli) -> None:
    code, _, err = cli("dashboards", "grafana")
    assert code == 2
    assert "--out" in err


def test_a_connection_of_the_data_source_sees_the_lake_and_may_be_set_up_twice(
    demo_lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the plugin does: one in-memory database, the SQL on its first connection, or on each of them."""
    monkeypatch.setenv("HOME", str(tmp_path))  # DuckDB finds its extensions there: here they come from packages
    setup = provisioning.init_sql(demo_lake)
    with duckdb.connect() as first:
        for name in REQUIRED:
            duckdb_extensions.import_extension(name, con=first)
        first.execute(setup)
        second, third = first.cursor(), first.cursor()
        second.execute(setup)
        for connection in (first, second, third):
            found = connection.execute("SELECT sum(cost_usd) FROM lake.billable_costs").fetchone()
            assert found == query(demo_lake, "SELECT sum(cost_usd) FROM billable_costs").row(0)
        with pytest.raises(duckdb.Error, match="read-only"):
            third.execute("DELETE FROM lake.costs")
