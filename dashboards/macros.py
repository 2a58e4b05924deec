"""What Grafana makes of a panel's SQL before the DuckDB data source runs it.

Only what our dashboards use: `$__timeFilter(column)` and `${name:sqlstring}`. The plugin's other macros differ between
its versions (`$__timeFrom` takes a column in some and none in others), so none of them is used.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

_FILTER = re.compile(r"\$__timeFilter\(([\w.]+)\)")
_VARIABLE = re.compile(r"\$\{(\w+):sqlstring\}")


def expand(sql: str, since: datetime, until: datetime, variables: Mapping[str, Sequence[str]]) -> str:
    """The SQL that is run: times as RFC 3339 to the second, values of variables as quoted texts with commas between.

    Raises ValueError when something of Grafana's is left, KeyError for a variable without values.
    """
    first, last = (moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for moment in (since, until))
    sql = _FILTER.sub(lambda found: f"{found[1]} >= '{first}' AND {found[1]} <= '{last}'", sql)
    sql = _VARIABLE.sub(
        lambda found: ", ".join("'" + each.replace("'", "''") + "'" for each in variables[found[1]]), sql
    )
    if left := re.search(r"\$[_{\w]\S*", sql):
        raise ValueError(f"{left[0]} is not known here")
    return sql
