"""What each instrumentation means: spans in, model calls out.

A dialect is one short file (see docs/dialects.md); ``registry.py`` has their order, ``usage.py``, ``providers.py`` and
``roles.py`` the rules they share.
"""

import polars as pl

from receiver.dialects.calls import calls_of
from receiver.dialects.registry import DIALECTS, WANTED_KEYS
from receiver.dialects.schema import CALL_SCHEMA

__all__ = ["CALL_SCHEMA", "DIALECTS", "WANTED_KEYS", "to_calls"]


def to_calls(spans: pl.DataFrame) -> pl.DataFrame:
    """Model calls in a decoded spans frame (``@KEY`` columns for ``WANTED_KEYS``), one ``CALL_SCHEMA`` row each.

    Pure; order of spans is kept. Whether an aggregate or one of two twins counts is for the whole trace to decide.
    """
    return calls_of(spans, DIALECTS)
