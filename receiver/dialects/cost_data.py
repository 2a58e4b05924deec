"""Costs that signals state in their data: spans that `analytics.signal_costs` makes, with the conventions' attributes.

Counts mean what those of the Paid SDK's wrappers mean: Anthropic's and Bedrock's input leaves cached tokens out, that
of the others includes them. A figure is the span's reported cost; the counts that came with it are in attributes that
nobody reads, so that no price of ours takes its place. This dialect is not in the registry: what arrives under its
scope is nobody's.
"""

from typing import Final

import polars as pl

from receiver.dialects.dialect import Reading, scope_is
from receiver.dialects.direct import AMOUNT
from receiver.dialects.gen_ai import COST, COUNT_KEYS, KEYS, gen_ai_variant
from receiver.dialects.providers import fold_provider
from receiver.wide import attr

SCOPE: Final = "marginlake.signal_costs"
NOTE: Final = "marginlake.cost.note"
TOLD: Final = KEYS - COUNT_KEYS - frozenset(COST)
"""Attributes that say which call it was, and nothing of what it used or cost."""


def _change(df: pl.DataFrame, base: Reading) -> Reading:
    return {
        "role": pl.lit("call"),
        "marker": pl.lit(value=True),
        "exclusive": fold_provider(base["provider"]).is_in(("anthropic", "aws")),
        "reported_cost": pl.coalesce(attr(df, AMOUNT), base["reported_cost"]),
        "note": attr(df, NOTE),
        # the cost is the event's own, whatever other spans say of the call
        "response_id": pl.lit(None, dtype=pl.String),
        "error": pl.lit(None, dtype=pl.String),
    }


COST_DATA: Final = gen_ai_variant("cost_data", lambda df: scope_is(SCOPE), keys=(AMOUNT, NOTE), change=_change)
