"""SQL over the views of the API."""

import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import orjson
import pytest

from billing.analytics import query as running
from billing.analytics.spellings import MACROS
from billing.analytics.views import VIEWS
from tests.billing.value.delivering import Delivery, delivery
from tests.billing.value.wanted import METRIC, sent

AT = "2026-03-10T10:00:00Z"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Delivery]:
    """Acme, with events by two of its names, and an event of a customer that nobody made."""
    with delivery(tmp_path_factory.mktemp("analytics")) as opened:
        acme = opened.api.post("/customers", json={"name": "Acme", "externalId": "acme"}).json()["id"]
        opened.api.post(f"/customers/{acme}/aliases", json={"alias": "acme-eu", "name": "EU"})
        opened.api.post("/products", json={"name": "Chat", "externalId": "chat"})
        opened.arrive(("acme", "chat_message", {"minutes_saved": 10, "who": {"id": "a", "tags": ["x"]}}, AT),
                      ("acme-eu", "chat_message", {"minutes_saved": 0.001, "who": None}, AT),
                      ("nobody", "search", {"hits": 3}, AT), product="chat")  # fmt: skip
        opened.api.post("/value-metrics", json=METRIC)
        opened.follow()
        yield opened


def answer(place: Delivery, sql: str) -> dict[str, Any]:
    got = place.api.post("/analytics/query", json={"query": sql})
    assert got.status_code == 200, got.json()
    read: dict[str, Any] = got.json()
    return read


def rows(place: Delivery, sql: str) -> list[list[Any]]:
    found: list[list[Any]] = answer(place, sql)["rows"]
    return found


def refused(place: Delivery, sql: str) -> str:
    got = place.api.post("/analytics/query", json={"query": sql})
    assert got.status_code == 400, (sql, got.json())
    return str(got.json()["details"])


def test_the_recorded_query_is_answered(place: Delivery) -> None:
    got = answer(place, sent(58)["query"])
    assert got["columns"] == [{"name": "count_star()", "type": "BIGINT"}]
    assert got["rows"] == [["3"]]  # 64-bit integers are text
    assert (got["meta"]["rowCount"], got["meta"]["truncated"]) == (1, False)
    experimental = place.api.post("/experimental/analytics/query", json=sent(58))
    assert experimental.json()["rows"] == [["3"]]


def test_events_are_joined_by_every_name_of_their_customer(place: Delivery) -> None:
    sql = """
        WITH per AS (SELECT customer_id, count(*) AS events, sum(value_amount) AS worth FROM fact_signal GROUP BY ALL)
        SELECT name, events, worth FROM per LEFT JOIN dim_customer USING (customer_id) ORDER BY events"""
    assert rows(place, sql) == [[None, "1", None], ["Acme", "2", 500.05]]
    assert rows(place, "SELECT external_customer_id FROM fact_value ORDER BY 1") == [["acme"], ["acme-eu"]]


def test_decimals_keep_every_digit(place: Delivery) -> None:
    got = place.api.post("/analytics/query", json={"query": "SELECT value_amount FROM fact_value ORDER BY 1"})
    assert got.content.startswith(b'{"columns":[{"name":"value_amount","type":"DECIMAL(38,12)"}],"rows":[[0.05')
    sql = "SELECT CAST('12345678901234567890.123456789012' AS DECIMAL(38,12)) AS n FROM dim_product"
    assert b"12345678901234567890.123456789012" in place.api.post("/analytics/query", json={"query": sql}).content


def test_every_view_can_be_asked_and_has_the_columns_and_types_that_its_schema_promises(place: Delivery) -> None:
    promised = place.api.get("/analytics/schema").json()["views"]
    assert [view["name"] for view in promised] == [view.name for view in VIEWS]
    for view in promised:
        got = answer(place, f"SELECT * FROM {view['name']} LIMIT 5")
        assert got["columns"] == [{"name": each["name"], "type": each["type"]} for each in view["columns"]]
        assert all([view["comment"], *(each["comment"] for each in view["columns"])])
    assert place.api.get("/experimental/analytics/schema/").json()["views"] == promised


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM signals",
        "SELECT * FROM lake.main.signals",
        "SELECT * FROM main.fact_signal",
        "SELECT * FROM information_schema.tables",
        "WITH signals AS (SELECT 1) SELECT * FROM signals",
        "SELECT * FROM customer_names",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM query('SELECT 1')",
        "SELECT * FROM sqlite_scan('catalog.sqlite', 'x')",
        "SELECT 1; SELECT 2",
        "DESCRIBE fact_signal",
        "SHOW TABLES",
        "EXPLAIN SELECT 1",
        "DELETE FROM fact_signal",
        "INSTALL httpfs",
        "COPY (SELECT 1) TO 'x.csv'",
        "PRAGMA database_list",
        "SET memory_limit = '9GB'",
        "SELECT nothing FROM fact_signal",
        "SELECT",
        ";",
        "SELECT * FROM fact_signal AS s, LATERAL (SELECT * FROM spans) AS t",
        "SELECT (SELECT count(*) FROM costs)",
        "SELECT TIMESTAMP 'infinity' - 1",
    ],
)
def test_nothing_but_reading_the_views_is_allowed(place: Delivery, sql: str) -> None:
    assert refused(place, sql).startswith("query: ")


def test_any_type_can_be_shown(place: Delivery) -> None:
    sql = """SELECT 1::INTEGER, 1::HUGEINT, [1, 2], {'a': 1.5}, 'x'::BLOB, INTERVAL 1 DAY, 'nan'::DOUBLE,
                    TIMESTAMPTZ '2026-01-01 00:00:00+00', DATE '2026-01-01', MAP {'k': true}, NULL,
                    [170141183460469231731687303715884105727::HUGEINT]"""
    assert rows(place, sql)[0] == [
        1, "1", [1, 2], {"a": 1.5}, "78", "1 day, 0:00:00", None, "2026-01-01T00:00:00+00:00", "2026-01-01",
        {"k": True}, None, ["170141183460469231731687303715884105727"],
    ]  # fmt: skip


def test_an_answer_ends_after_ten_thousand_rows_and_says_so(place: Delivery) -> None:
    got = answer(place, "SELECT * FROM range(10001)")
    assert (len(got["rows"]), got["meta"]["truncated"]) == (10_000, True)
    assert answer(place, "SELECT * FROM range(10000)")["meta"]["truncated"] is False


def test_a_query_that_takes_too_long_is_ended(place: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "SECONDS", 0.3)
    sql = "SELECT count(*) FROM range(100000000) AS a, range(100000) AS b WHERE hash(a.range, b.range) = 1"
    assert place.api.post("/analytics/query", json={"query": sql}).status_code == 408


def test_too_many_at_once_are_sent_away(place: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = threading.BoundedSemaphore(1)
    monkeypatch.setattr(running, "_turns", taken)
    with taken:
        busy = place.api.post("/analytics/query", json={"query": "SELECT 1"})
    assert (busy.status_code, isinstance(busy.json()["error"], str)) == (429, True)
    assert rows(place, "SELECT 1") == [[1]]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("toStartOfMonth(occurred_at)", "2026-03-01"),
        ("toMonday(occurred_at)", "2026-03-09"),
        ("toYYYYMM(occurred_at)", "202603"),
        ("toDate(occurred_at)", "2026-03-10"),
        ("toStartOfHour(addDays(occurred_at, 1))", "2026-03-11T10:00:00+00:00"),
        ("JSONExtractString(data, 'minutes_saved')", "10"),
        ("JSONExtractFloat(data, 'minutes_saved')", 10.0),
        ("JSONHas(data, 'minutes_saved')", True),
        ("toString(signal_id) = signal_id", True),
        ("dateDiff('day', occurred_at, now()) >= 0", True),
    ],
)
def test_spellings_of_clickhouse_are_understood(place: Delivery, written: str, shown: object) -> None:
    found = rows(place, f"SELECT {written} FROM fact_signal WHERE external_customer_id = 'acme'")
    assert found in ([[shown]], [[str(shown)]])


def test_every_spelling_can_be_used(place: Delivery) -> None:
    sql = """SELECT uniq(customer_id), uniqExact(product_id), sumIf(quantity, event_name = 'search'), countIf(true),
                    avgIf(quantity, true), minIf(quantity, true), maxIf(quantity, true), uniqIf(event_name, true),
                    groupArray(event_name) FROM fact_signal"""
    assert rows(place, sql)[0][:4] == ["1", "1", 1, "3"]
    assert len(MACROS) > 30


def test_the_data_of_events_is_described(place: Delivery) -> None:
    got = place.api.get("/analytics/signals/metadata", params={"fromDate": "2000-01-01", "toDate": "2100-01-01"}).json()
    assert [each["signalName"] for each in got["signals"]] == ["chat_message", "search"]
    assert got["signals"][0]["paths"] == [
        {"path": "minutes_saved", "types": ["number"]},
        {"path": "who", "types": ["null", "object"]},
        {"path": "who.id", "types": ["string"]},
        {"path": "who.tags", "types": ["array"]},
        {"path": "who.tags[]", "types": ["string"]},
    ]
    assert got["meta"] == {"fromDate": "2000-01-01T00:00:00.000Z", "toDate": "2100-01-02T00:00:00.000Z"}
    one = place.api.get(
        "/experimental/analytics/signals/metadata", params={"signalName": "search", "fromDate": "2000-01-01",
                                                            "toDate": "2100-01-01T00:00:00Z"}
    )  # fmt: skip
    assert [each["signalName"] for each in one.json()["signals"]] == ["search"]
    usual = place.api.get("/analytics/signals/metadata").json()
    assert usual["meta"] == {"fromDate": "2026-02-13T12:00:00.000Z", "toDate": "2026-03-15T12:00:00.000Z"}
    for wrong in ("soon", "9999-12-31", "0001-01-01T00:00:00+14:00"):
        assert place.api.get("/analytics/signals/metadata", params={"toDate": wrong}).status_code == 400


def test_custom_views_say_why_there_are_none(place: Delivery) -> None:
    for path in ("/experimental/views/", "/experimental/views/authoring-guide", "/experimental/views/v_1/embed-token"):
        got = place.api.get(path)
        assert (got.status_code, "page builder" in got.json()["details"]) == (501, True)
    assert place.api.delete("/experimental/views/v_1").status_code == 501


def test_amounts_are_what_the_lake_says_in_cents(place: Delivery) -> None:
    got = place.api.post("/analytics/query", json={"query": "SELECT sum(value_amount) FROM fact_value"}).content
    shown = Decimal(orjson.loads(got)["rows"][0][0].__str__())
    assert shown == place.lake.read("SELECT sum(value_usd) * 100 AS n FROM event_values").item()
