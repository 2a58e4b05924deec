"""What each instrumentation means: spans in, model calls out.

A dialect is one short file (see docs/dialects.md); ``registry.py`` has their order, ``usage.py``, ``providers.py`` and
``roles.py`` the rules they share, ``custom.py`` those that the operator writes down in the configuration.
"""

from collections.abc import Sequence

import polars as pl

from receiver.dialects.calls import calls_of, read_calls
from receiver.dialects.dialect import Dialect
from receiver.dialects.registry import DIALECTS, WANTED_KEYS
from receiver.dialects.schema import CALL_SCHEMA
from receiver.dialects.unmapped import unmapped_calls

__all__ = ["CALL_SCHEMA", "DIALECTS", "WANTED_KEYS", "Dialect", "to_calls", "to_calls_and_unmapped"]


def to_calls(spans: pl.DataFrame, dialects: Sequence[Dialect] = DIALECTS) -> pl.DataFrame:
    """Model calls in a decoded spans frame (``@KEY`` columns for ``WANTED_KEYS``), one ``CALL_SCHEMA`` row each.

    Pure; order of spans is kept. Whether an aggregate or one of two twins counts is for the whole trace to decide.
    """
    return calls_of(spans, dialects)


def to_calls_and_unmapped(
    spans: pl.DataFrame, dialects: Sequence[Dialect] = DIALECTS
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """``to_calls``, and beside it the spans that look like calls but were not understood (``UNMAPPED_SCHEMA``)."""
    read = read_calls(spans, dialects)
    return read.calls, unmapped_calls(spans, read.doubtful, dialects)
