"""Captured traffic, its truth, and hand-made spans for what no capture shows."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import polars as pl
import pytest

from receiver.decode import decode_traces
from receiver.dialects import to_calls
from tests.receiver.dialects.material import DATA, WANTED, span_frame

CAPTURES = sorted(path.stem for path in (DATA / "dialects").glob("*.pb"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with an argument ``capture`` runs over every recorded request."""
    if "capture" in metafunc.fixturenames:
        metafunc.parametrize("capture", CAPTURES)


@pytest.fixture
def spans_of() -> Callable[..., pl.DataFrame]:
    """Decode request bytes (or recorded requests by name) into one spans frame."""

    def decode(*payloads: bytes | str) -> pl.DataFrame:
        raw = [p if isinstance(p, bytes) else (DATA / "dialects" / f"{p}.pb").read_bytes() for p in payloads]
        return decode_traces([(payload, 0) for payload in raw], WANTED).spans

    return decode


@cache
def _recorded_calls(*names: str) -> pl.DataFrame:
    payloads = [((DATA / "dialects" / f"{name}.pb").read_bytes(), 0) for name in names]
    return to_calls(decode_traces(payloads, WANTED).spans)


@pytest.fixture
def calls_in() -> Callable[..., pl.DataFrame]:
    """Model calls of recorded requests, read once each."""
    return _recorded_calls


@pytest.fixture
def truth_of() -> Callable[[str], dict[str, Any]]:
    """What the provider was told to answer in a recording, and what a careful reader can get from the wire."""

    def read(name: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((DATA / "dialects" / f"{name}.expected.json").read_text())
        return document

    return read


@pytest.fixture
def call() -> Callable[..., dict[str, Any]]:
    """The one call that a hand-made span amounts to, as a dict."""

    def make(
        attributes: Mapping[str, str], scope: str = "test", name: str = "chat", status: str = "unset"
    ) -> dict[str, Any]:
        calls = to_calls(span_frame([attributes], scope=scope, name=name, status=status))
        assert calls.height == 1, calls
        return calls.row(0, named=True)

    return make


@pytest.fixture
def frame_of() -> Callable[..., pl.DataFrame]:
    """Hand-made spans frames."""
    return span_frame
