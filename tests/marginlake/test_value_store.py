"""Delivered value in a lake: with the commit, by versions of the model, and recomputed when a model changes."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from lake.connect import Lake
from marginlake.adoption import adopt, catch_up, rules_in
from marginlake.config import Config, ConfigError, load
from marginlake.landing import land
from marginlake.pipeline import prepare_or_reject
from marginlake.value_store import record_models, stored_models
from receiver.journal.record import Record
from tests.marginlake.conftest import Answer
from tests.marginlake.lakes import rest

Cli = Callable[..., Answer]
MONEY = {"name": "Money saved", "event": "chat", "unit": "monetary", "field": "money_saved"}
TIME = {
    "name": "Time saved",
    "event": "chat",
    "unit": "minutes",
    "field": "time_saved",
    "value_per_unit": Decimal("0.5"),
}
PRICE = ({"name": "chat", "event": "chat", "unit_price_usd": "0.058"},)
SAID: tuple[dict[str, Any], ...] = (
    {"money_saved": 1500, "time_saved": 3, "time_saved_unit": "minutes"},
    {"time_saved": 1, "time_saved_unit": "hours"},
    {"money_saved": "much"},
    {},
)


def event(place: int, data: dict[str, Any], at: str = "2026-11-20T10:00:00Z") -> Record:
    """A signal `chat` of acme, by REST."""
    said = {"eventName": "chat", "customer": {"externalCustomerId": "acme"}, "data": data, "timestamp": at,
            "idempotencyKey": f"event-{place}"}  # fmt: skip
    return rest(json.dumps({"signals": [said]}).encode())


def config(*metrics: dict[str, Any], **value: Any) -> Config:
    return Config(revenue=PRICE, value={"metric": metrics, **value})  # type: ignore[arg-type]


def take_in(lake: Lake, using: Config, *records: Record) -> None:
    rules = rules_in(lake, using, None)
    adopt(lake, using, rules)
    position = lake.progress("test") or 0
    for place, record in enumerate(records, position + 1):
        land(lake, prepare_or_reject([record], (), rules), rules, "test", place)


def values(lake: Lake) -> list[tuple[Any, ...]]:
    return lake.read(
        "SELECT data, metric, amount, v.value_usd, model_version FROM event_values AS v JOIN signals USING (signal_id) "
        "ORDER BY ALL"
    ).rows()


def worth(lake: Lake) -> list[Decimal | None]:
    """value_usd of the events in the order in which they came."""
    return lake.read("SELECT value_usd FROM event_margins JOIN signals USING (signal_id) ORDER BY idempotency_key")[
        "value_usd"
    ].to_list()


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with Lake.open(tmp_path, threads=1) as opened:
        yield opened


def test_value_comes_with_the_commit_that_brings_the_event(lake: Lake) -> None:
    take_in(lake, config(MONEY, TIME), *(event(place, data) for place, data in enumerate(SAID)))
    assert worth(lake) == [Decimal("16.5"), 30, None, None]
    assert len(values(lake)) == 4
    notes = lake.read("SELECT note FROM event_values WHERE note IS NOT NULL")
    assert notes["note"].to_list() == ['variable money_saved: "much" is no number']


def test_the_order_of_arrival_and_repeats_change_nothing(tmp_path: Path) -> None:
    found = set()
    for number, order in enumerate(permutations(range(3))):
        with Lake.open(tmp_path / str(number), threads=1) as lake:
            take_in(lake, config(MONEY, TIME), *(event(place, SAID[place]) for place in (*order, order[0])))
            found.add(repr((values(lake), worth(lake))))
    assert len(found) == 1


def test_a_new_version_values_history_anew_from_its_effective_date(lake: Lake) -> None:
    early, late = event(0, SAID[0], "2026-10-01T00:00:00Z"), event(1, SAID[0], "2026-11-05T00:00:00Z")
    take_in(lake, config(TIME), early, late)
    assert worth(lake) == [Decimal("1.5"), Decimal("1.5")]
    dearer = config(TIME | {"value_per_unit": Decimal(2)}, effective_from="2026-11-01")
    rules = rules_in(lake, dearer, None)
    adopt(lake, dearer, rules)
    assert catch_up(lake, rules) == 1
    assert worth(lake) == [Decimal("1.5"), 6]
    assert [row["version"] for row in stored_models(lake)] == [1, 2]
    assert lake.read("SELECT DISTINCT model_version FROM event_values ORDER BY 1")["model_version"].to_list() == [
        "1",
        "2",
    ]
    # the same settings again are no new version, and there is nothing left to do
    again = rules_in(lake, dearer, None)
    adopt(lake, dearer, again)
    assert again.events.value == rules.events.value
    assert catch_up(lake, again) == 0
    # settings that say nothing of value go by what the lake has
    assert rules_in(lake, Config(), None).events.value == rules.events.value


def test_a_changed_exchange_rate_reaches_stored_events(lake: Lake) -> None:
    def at(rate: str) -> Config:
        euros = MONEY | {"currency": "EUR"}
        return Config(value={"metric": (euros,)}, pricing={"fx": ({"currency": "EUR", "usd": rate},)})  # type: ignore[arg-type]

    take_in(lake, at("1.10"), event(0, SAID[0]))
    assert catch_up(lake, rules_in(lake, at("1.10"), None)) == 0
    assert catch_up(lake, rules_in(lake, at("1.20"), None)) == 1
    assert worth(lake) == [18]
    # and back again: what was done under another rate counts no more
    assert catch_up(lake, rules_in(lake, at("1.10"), None)) == 1
    assert worth(lake) == [Decimal("16.5")]


def test_interrupted_it_goes_on_where_it_stopped(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analytics.revalue.CHUNK", 1)
    days = [event(day, SAID[0], f"2026-11-{day:02}T00:00:00Z") for day in range(1, 5)]
    take_in(lake, config(TIME), *days)
    catch_up(lake, rules_in(lake, config(TIME), None))
    dearer = config(TIME | {"value_per_unit": Decimal(2)})
    rules = rules_in(lake, dearer, None)
    record_models(lake, rules.events)
    asked = iter([False, False, True])
    assert catch_up(lake, rules, stop=lambda: next(asked)) == 2
    assert worth(lake) == [6, 6, Decimal("1.5"), Decimal("1.5")]
    started: list[int] = []
    monkeypatch.setattr("analytics.revalue.event_values", counting(started))
    assert catch_up(lake, rules) == 2
    assert started == [1, 1]
    assert worth(lake) == [6, 6, 6, 6]


def counting(found: list[int]) -> Callable[..., Any]:
    """`event_values` that notes how many events it is asked for."""
    from analytics.value import event_values

    def counted(signals: Any, rules: Any) -> Any:
        found.append(signals.height)
        return event_values(signals, rules)

    return counted


def test_revalue_gives_what_arriving_gave(lake: Lake) -> None:
    from analytics.revalue import revalue

    using = config(MONEY, TIME)
    take_in(lake, using, *(event(place, data) for place, data in enumerate(SAID)))
    rules = rules_in(lake, using, None).events
    before = (values(lake), worth(lake))
    assert (found := revalue(lake, rules)).values == found.margins == 0
    lake.run(lambda tx: tx.delete("event_values", tx.read("SELECT signal_id FROM event_values LIMIT 2")))
    assert revalue(lake, rules, dry_run=True).values == 2
    assert len(values(lake)) == 2
    assert revalue(lake, rules).values == 2
    assert (values(lake), worth(lake)) == before


def test_roi_is_value_for_the_price_paid(lake: Lake) -> None:
    take_in(lake, config(MONEY, TIME), *(event(place, SAID[place]) for place in range(2)))
    rois = lake.read("SELECT roi FROM event_roi ORDER BY roi")["roi"].to_list()
    assert rois == [Decimal("284.482759"), Decimal("517.241379")]
    by_customer = lake.read("SELECT value_usd, revenue_usd, roi FROM margin_by_customer").row(0)
    assert by_customer == (Decimal("46.5"), Decimal("0.116"), Decimal("400.862069"))
    by_metric = lake.read(
        "SELECT metric, signals, amount, value_usd, unknown FROM value_by_metric ORDER BY metric"
    ).rows()
    assert by_metric == [("money_saved", 1, 15, 15, 0), ("time_saved", 2, 63, Decimal("31.5"), 0)]


def test_settings_come_from_the_file_and_the_manifest_beside_it(tmp_path: Path) -> None:
    manifest = {
        "currency": "USD",
        "valueTypes": [{"slug": "saved", "name": "Saved", "calculationTimeline": [{"effectiveFrom": "2026-01-01",
            "calculation": {"unit": {"type": "monetary"}, "formulaIds": ["f"], "signalEventNames": ["chat"]}}]}],
        "formulas": [{"id": "f", "label": "F", "variables": [{"id": "cents", "label": "C"}], "expression": "cents"}],
        "signals": [{"eventName": "chat", "label": "Chat", "defaults": {"cents": 12.5}}],
    }  # fmt: skip
    (tmp_path / "value.json").write_text(json.dumps(manifest))
    (tmp_path / "marginlake.toml").write_text('[value]\nmodel = "value.json"\neffective_from = 2026-11-01\n')
    settings = load(None, tmp_path)
    with Lake.open(tmp_path, threads=1) as lake:
        (model,) = rules_in(lake, settings, tmp_path).events.value
        assert model.effective_from == datetime(2026, 11, 1, tzinfo=UTC)
        take_in(lake, config(model=str(tmp_path / "value.json")), event(0, {}))
        assert worth(lake) == [Decimal("0.125")]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[value]\nmodel = 'no.json'", "value: model: no.json: [Errno 2] No such file or directory"),
        ("[[value.metric]]\nname = 'x'", "value.metric 1 (x): unit: missing"),
        ("[value]\neffective_from = 'soon'", "value.effective_from"),
        ("[value]\nmetrics = 1", "value.metrics: unknown key"),
    ],
)
def test_a_wrong_setting_is_one_line(text: str, error: str, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "marginlake.toml").write_text(text)
    with Lake.open(tmp_path, threads=1) as lake:
        with pytest.raises(ConfigError) as raised:
            rules_in(lake, load(None, tmp_path), tmp_path)
        assert error in str(raised.value)
        assert "\n" not in str(raised.value)


def test_the_command_says_what_it_changed(cli: Cli, tmp_path: Path) -> None:
    with Lake.open(tmp_path, threads=1) as lake:
        take_in(lake, config(), event(0, SAID[0]))
    (tmp_path / "marginlake.toml").write_text(
        "[[value.metric]]\nname = 'Saved'\nevent = 'chat'\nunit = 'monetary'\nfield = 'money_saved'\n"
    )
    assert cli("revalue", "--data", str(tmp_path), "--dry-run").out == "would change: 1 event_values, 1 event_margins\n"
    assert cli("revalue", "--data", str(tmp_path)).out == "changed: 1 event_values, 1 event_margins\n"
    assert cli("revalue", "--data", str(tmp_path)).out == "changed: 0 event_values, 0 event_margins\n"
    assert cli("revalue", "--data", str(tmp_path / "none")).code == 1
    assert cli("revalue", "--data", str(tmp_path), "--from", "2026-12-01", "--to", "2026-11-01").code == 2
