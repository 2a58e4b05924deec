"""Property tests: no deadline, since a busy machine is no bug; the same examples at every run in CI."""

import importlib.metadata
import os

import pytest
from hypothesis import settings

settings.register_profile("marginlake", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("marginlake")


@pytest.fixture
def without_litellm(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the package litellm were not installed, whether or not it is."""
    known = importlib.metadata.distribution

    def distribution(name: str) -> importlib.metadata.Distribution:
        if name == "litellm":
            raise importlib.metadata.PackageNotFoundError(name)
        return known(name)

    monkeypatch.setattr(importlib.metadata, "distribution", distribution)
