"""Captured traffic, its truth, and hand-made spans for what no capture shows."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from receiver.decode import decode_traces
from receiver.dialects import WANTED_KEYS, to_calls
from receiver.frames import Wanted

DATA = Path(__file__).parents[2] / "data"
CAPTURES = sorted(path.stem for path in (DATA / "dialects").glob("*.pb"))
WANTED = Wanted(span_keys=WANTED_KEYS)


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


@pytest.fixture
def calls_in(spans_of: Callable[..., pl.DataFrame]) -> Callable[..., pl.DataFrame]:
    """Model calls of recorded requests."""
    return lambda *payloads: to_calls(spans_of(*payloads))


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


def span_frame(
    spans: list[Mapping[str, str]], scope: str = "test", name: str = "chat", status: str = "unset"
) -> pl.DataFrame:
    """A decoder's spans frame with the given attributes as wide columns."""
    keys = sorted({key for attributes in spans for key in attributes})
    fixed = {
        "trace_id": ["0" * 31 + "1"] * len(spans),
        "span_id": [f"{index + 1:016x}" for index in range(len(spans))],
        "parent_span_id": pl.Series([None] * len(spans), dtype=pl.String),
        "name": [name] * len(spans),
        "start_time": pl.Series([datetime(2026, 11, 1, tzinfo=UTC)] * len(spans), dtype=pl.Datetime("us", "UTC")),
        "duration_ns": [1_000_000] * len(spans),
        "status": [status] * len(spans),
        "scope_name": [scope] * len(spans),
    }
    wide = {"@" + key: pl.Series([span.get(key) for span in spans], dtype=pl.String) for key in keys}
    return pl.DataFrame({**fixed, **wide})


@pytest.fixture
def frame_of() -> Callable[..., pl.DataFrame]:
    """Hand-made spans frames."""
    return span_frame
