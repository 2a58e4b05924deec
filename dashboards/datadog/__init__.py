"""The Datadog dashboard, over the metrics of the same names that Datadog's OpenMetrics check reads from /metrics.

The check takes the prefix off and its namespace for it, and names counters and the two sides of histograms its own way:
`marginlake_spans_stored_total` is `marginlake.spans_stored.count`, `marginlake_commit_seconds_sum` is
`marginlake.commit_seconds.sum`, a gauge stays as it is.
"""

import json
from typing import Any

from dashboards.datadog.board import board


def as_json() -> str:
    """The dashboard as the JSON that Datadog's API and its import take."""
    described: dict[str, Any] = board()
    return json.dumps(described, indent=2, sort_keys=True) + "\n"
