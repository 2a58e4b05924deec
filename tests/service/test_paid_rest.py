"""T18: every REST request that the Paid SDKs were recorded to send, to the real service, as it was sent.

The recordings' replies were a mock's, so their ids are made up: those are put in for ours, and nothing else is touched.
"""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.service.running import Service

RECORDED = Path(__file__).parent.parent / "captures" / "paid_rest.jsonl"
REQUESTS = {request["name"]: request for request in map(json.loads, RECORDED.read_text().splitlines())}

FIRST = [f"paid_python/{number}" for number in ("006", "010", "015", "016", "019", "059", "053")]
"""What makes the things that others ask for."""

MADE: dict[str, tuple[str, str]] = {
    "paid_python/006": ("cc_1", "id"),
    "paid_python/010": ("prod_1", "id"),
    "paid_python/019": ("cus_1", "id"),
    "paid_python/059": ("ord_1", "id"),
    "paid_node/004": ("chk_1", "id"),
    "paid_node/007": ("vr_1", "id"),
}
"""Which made-up id stands for what a request made."""

OTHERWISE = {
    "paid_python/004": (404, "no signal"),
    "paid_python/021": (404, "no customer"),
    "paid_python/025": (400, "is archived"),  # by request 008
    "paid_python/026": (400, "is archived"),
    "paid_python/030": (409, "ROOT_EXISTS"),  # a customer has its root unit from the start
    "paid_python/031": (400, "expiresAt: must be in the future"),  # it was, then
    "paid_python/044": (201, "draft"),
    "paid_python/053": (201, "hours_saved"),
    "paid_node/007": (201, "draft"),
    "paid_python_0.6.0/003": (404, "no product 'p'"),
}
"""What is not answered with 200, and a part of the answer. The rest is."""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, httpx.Response]:
    data = tmp_path_factory.mktemp("rest") / "data"
    found: dict[str, httpx.Response] = {}
    ids: dict[str, str] = {}
    with Service(data) as service, httpx.Client(base_url=f"http://{service.http}", timeout=60) as client:
        order = [*FIRST, "paid_node/004", "paid_node/007", *REQUESTS]
        for name in dict.fromkeys(order):
            found[name] = answer = send(client, REQUESTS[name], ids)
            if name in MADE and answer.is_success:
                fake, key = MADE[name]
                ids[fake] = answer.json()[key]
            if name == "paid_python/015" and answer.is_success:
                attributes = answer.json()["productAttributes"]
                ids |= {f"pa_{place}": each["productAttributeId"] for place, each in enumerate(attributes, start=1)}
        assert service.stop() == 0
    return found


def send(client: httpx.Client, request: dict[str, Any], ids: dict[str, str]) -> httpx.Response:
    path, body = request["path"], request["body"]
    for fake, real in ids.items():
        path = path.replace(f"/{fake}", f"/{real}").replace(f"={fake}", f"={real}")
        body = None if body is None else body.replace(f'"{fake}"', f'"{real}"')
    headers = {"content-type": request["content_type"]} if request["content_type"] else {}
    return client.request(request["method"], path, content=body, headers=headers)


@pytest.mark.parametrize("name", REQUESTS)
def test_a_recorded_request_is_understood(answers: dict[str, httpx.Response], name: str):
    answer = answers[name]
    status, part = OTHERWISE.get(name, (200, ""))
    assert answer.status_code == status, answer.text
    assert part in answer.text
