"""The recorded requests of the Paid SDKs, byte for byte and as they were framed, over the wire to the real service.

Cases 10, 11, 12, 24 and 29 of the list in docs/linking.md: what is sent again, keys in odd places, chunks and gzip, the
answer's fields, and names in snake case.
"""

from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from lake.read import query
from receiver.journal.record import Kind, Record
from tests.marginlake.lakes import span_by_span
from tests.marginlake.paid_stories import FIVE_CALLS, FOLDER, story
from tests.service.running import Service, healthy, wait_for

PYTHON, NODE = {"content-type": "application/x-protobuf"}, {"Content-Type": "application/json"}
BEARER = {"Authorization": "Bearer sk_test_of_nobody"}
STORIES = ("python_one_scope", "python_0.6", "python_plain_signal", "node_signal_between", "node_wrapper")


def send(client: httpx.Client, path: Path) -> httpx.Response:
    """Send a recorded body as its SDK framed it: Node in chunks without a length, Python gzipped where it was."""
    body = path.read_bytes()
    if "signals_bulk" in path.name:
        return client.post("/api/v2/signals/bulk", content=body, headers=NODE | BEARER)
    if path.suffix == ".json":
        return client.post("/v1/traces", content=iter([body[:100], body[100:]]), headers=NODE | BEARER)
    packed = {"Content-Encoding": "gzip"} if body[:2] == b"\x1f\x8b" else {}
    keyed = {} if "python_0.6" in str(path) else BEARER
    return client.post("/v1/traces", content=body, headers=PYTHON | packed | keyed)


def is_trace(record: Record) -> bool:
    return record.kind is Kind.TRACES


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake of a service that got everything twice, and stopped."""
    data = tmp_path_factory.mktemp("paid") / "data"
    with Service(data) as service, httpx.Client(base_url=f"http://{service.http}", timeout=30) as client:
        for _ in range(2):
            for name in STORIES:
                for path in sorted((FOLDER / name).iterdir()):
                    if "signals_bulk" not in path.name:
                        assert send(client, path).status_code == 200, path
        claim = next((FOLDER / "python_one_scope").glob("*signals_bulk*"))
        answer = send(client, claim).json()
        assert answer == {"ingested": 1, "duplicates": 0, "failed": 0}
        for expected in ({"ingested": 1, "duplicates": 0, "failed": 0}, {"ingested": 0, "duplicates": 1, "failed": 0}):
            body = {"signals": [{"event_name": "e29", "customer": {"externalCustomerId": "c"}, "idempotencyKey": "k"}]}
            assert client.post("/api/v2/signals/bulk", json=body, headers=BEARER).json() == expected
        spans = sum(len(span_by_span(record)) for name in STORIES for record in story(name) if is_trace(record))
        wait_for(data, "SELECT count(*) FROM spans", spans, timeout=60)
        wait_for(data, "SELECT count(*) FROM event_margins", 6, timeout=60)
        assert service.stop() == 0
    return data


def test_everything_counts_once_and_costs_what_it_should(data_dir: Path) -> None:
    events = query(
        data_dir,
        "SELECT event_name, cost_status, cost_usd FROM event_margins ORDER BY event_name, cost_usd NULLS LAST",
    ).rows()
    assert events == [
        ("chat_message", "complete", Decimal("0.000102")),
        ("chat_message", "complete", Decimal("0.0005415")),
        ("chat_message", "complete", FIVE_CALLS),
        ("e", "complete", Decimal("0.000075")),
        ("e", "untraced", None),
        ("e29", "untraced", None),
    ]
    assert query(data_dir, "SELECT count(*) FROM rejected").item() == 0
    healthy(data_dir)


def test_no_key_is_in_any_table(data_dir: Path) -> None:
    found = query(
        data_dir, "SELECT count(*) FROM spans WHERE spans::VARCHAR LIKE '%pk_%' OR spans::VARCHAR LIKE '%sk_%'"
    )
    assert found.item() == 0
    kept = query(data_dir, "SELECT attributes FROM spans WHERE name = 'paid.trace.trace.openai.chat'").item()
    assert "gen_ai.usage.input_tokens" in kept
    assert '"token"' not in kept
