"""The API against its own OpenAPI document: whatever is sent, the answer is one that the document names, never a 500.

`make torture` tries more requests of each kind, and wrong ones.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from billing.api.app import create_api
from tests.billing.shop import open_shop
from tests.billing.signals.lakes import shop_by_the_lake
from tests.examples import examples


def no_crash(context: Any, response: Any, case: Case) -> None:
    """501 is an answer: what makes no sense here, and why."""
    del context, case
    assert response.status_code < 500 or response.status_code == 501, response.text


CHECKS = [no_crash, status_code_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def operations() -> Iterator[dict[str, Any]]:
    """Every operation of the document, of an application that runs on an empty business beside an empty lake."""
    with tempfile.TemporaryDirectory() as folder, shop_by_the_lake(Path(folder)) as (shop, _):
        schema = schemathesis.openapi.from_asgi("/openapi.json", create_api(shop.billing))
        found = [result.ok() for result in schema.get_all_operations()]
        yield {operation.label: operation for operation in found}


def labels() -> list[str]:
    """`GET /customers`, …"""
    with tempfile.TemporaryDirectory() as folder, open_shop(Path(folder)) as shop:
        paths = create_api(shop.billing).openapi()["paths"]
    return [f"{method.upper()} {path}" for path, methods in paths.items() for method in methods]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("label", labels())
def test_no_request_makes_it_stumble(operations: dict[str, Any], label: str):
    send(operations[label], GenerationMode.POSITIVE, examples(2))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("label", labels())
def test_no_request_makes_it_stumble_however_many(operations: dict[str, Any], label: str, mode: GenerationMode):
    try:
        send(operations[label], mode, 15)
    except Unsatisfiable:  # nothing that could be sent would be wrong: no parameters, or only texts
        assert mode is GenerationMode.NEGATIVE


def send(operation: Any, mode: GenerationMode, count: int) -> None:
    """Requests of one kind, each answer checked."""

    @settings(max_examples=count, phases=[Phase.generate], suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Case) -> None:
        case.call_and_validate(checks=CHECKS)

    run()
