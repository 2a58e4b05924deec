"""How the lake follows the value model of the API."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from billing.database import BillingError
from marginlake import upkeep
from marginlake.adoption import catch_up
from marginlake.config import Config
from marginlake.value_store import stored_models
from marginlake.value_watch import ValueWatch
from tests.billing.value.delivering import Delivery, delivery
from tests.billing.value.wanted import METRIC

AT = "2026-02-03T00:00:00Z"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Delivery]:
    with delivery(tmp_path) as opened:
        names = ("acme", "globex", "other")
        ids = [opened.api.post("/customers", json={"name": name, "externalId": name}).json()["id"] for name in names]
        opened.api.post(f"/customers/{ids[0]}/aliases", json={"alias": "acme-eu", "name": "EU"})
        opened.arrive(*((name, "chat_message", {"minutes_saved": 2}, AT) for name in (*names, "acme-eu", ids[0])))
        opened.api.post("/value-metrics", json=METRIC)
        yield opened


def worth(place: Delivery) -> dict[str, Decimal]:
    """What each event is worth, by the name that its customer has there."""
    found = place.lake.read("SELECT customer_id, v.value_usd FROM event_values AS v JOIN signals USING (signal_id)")
    return {name if not name.startswith("cus_") else "id": value for name, value in found.iter_rows()}


def override(place: Delivery, **scope: Any) -> Any:
    """The model of the metric with another rate for some customers."""
    content = place.api.get("/value-models").json()["content"]
    content["valueTypes"][0]["calculationTimeline"][0]["calculation"]["overrideIds"] = ["dear"]
    rate = {"hours_saved": {"variables": {"rate": 5}}}
    content["overrides"] = [{"id": "dear", "label": "Dear", "scope": scope, "monetaryConversionOverrides": rate}]
    return place.api.put("/value-models", json={"content": content})


def test_an_override_holds_for_every_name_of_its_customer(place: Delivery) -> None:
    assert override(place, customerIds=["acme"]).status_code == 200
    place.follow()
    assert worth(place) == {"acme": 10, "acme-eu": 10, "id": 10, "globex": 1, "other": 1}
    # another name is followed without a new version of the API's model
    globex = place.api.get("/customers/external/globex").json()["id"]
    override(place, customerIds=[globex])
    place.follow()
    assert worth(place)["globex"] == 10
    place.api.post(f"/customers/{globex}/aliases", json={"alias": "spare", "name": "Spare"})
    place.arrive(("spare", "chat_message", {"minutes_saved": 2}, AT))
    assert worth(place)["spare"] == 1
    place.follow()
    assert worth(place)["spare"] == 10


def test_an_override_of_a_group_holds_for_its_members(place: Delivery) -> None:
    group = place.api.post("/customer-groups", json={"name": "partners"})
    joined = place.api.post(f"/customer-groups/{group.json()['id']}/members", json={"customerIds": ["acme", "globex"]})
    assert joined.json()["added"] == 2
    assert override(place, customerGroupIds=[group.json()["id"]]).status_code == 200
    place.follow()
    assert worth(place) == {"acme": 10, "acme-eu": 10, "id": 10, "globex": 10, "other": 1}


def test_events_before_the_effective_date_keep_the_model_that_held(place: Delivery) -> None:
    place.follow()
    content = place.api.get("/value-models").json()["content"]
    content["valueTypes"][0]["calculationTimeline"][0]["calculation"]["monetaryConversion"]["variables"][0][
        "default"
    ] = 100
    place.api.put("/value-models", json={"content": content, "effectiveFrom": "2026-02-10T00:00:00Z"})
    assert place.follow() == 0
    place.arrive(("other", "chat_message", {"minutes_saved": 2}, "2026-02-10T00:00:00Z"))
    assert sorted(place.lake.read("SELECT value_usd FROM event_values")["value_usd"]) == [1, 1, 1, 1, 1, 200]
    assert [row["version"] for row in stored_models(place.lake)] == [1, 2]


def test_upkeep_takes_up_a_change_and_values_events_again(place: Delivery, tmp_path: Path) -> None:
    rules = [place.rules]
    watch = ValueWatch(
        place.lake, Config(), tmp_path, place.shop.billing, lambda: rules[-1], lambda changed: rules.append(changed)
    )
    work = upkeep.Upkeep(
        place.lake, tmp_path, tmp_path, Config(), lambda: 1, lambda: rules[-1], follow=watch.follow
    )  # fmt: skip
    work._follow_model()
    assert len(rules) == 2
    assert worth(place)["other"] == 1
    work._follow_model()
    assert len(rules) == 2
    place.api.post("/value-models/backfill")
    work._follow_model()
    assert len(rules) == 3
    assert catch_up(place.lake, rules[-1]) == 0


def test_a_database_that_cannot_be_read_is_one_error_and_tried_again(place: Delivery, tmp_path: Path) -> None:
    class Broken:
        def read(self) -> Any:
            raise OperationalError("SELECT", {}, Exception("disk I/O error"))

    billing = replace(place.shop.billing, database=Broken())  # type: ignore[arg-type]
    watch = ValueWatch(place.lake, Config(), tmp_path, billing, lambda: place.rules, lambda changed: None)
    with pytest.raises(BillingError, match="cannot be read"):
        watch.follow()
