"""Every table and view of the lake: the SQL contract, in one place."""

from collections.abc import Mapping
from types import MappingProxyType

from lake.definitions import Table, View
from lake.tables.alerts import ALERTS
from lake.tables.bookkeeping import (
    INGEST_LOG,
    KEY_DIRECTORY,
    REJECTED,
    REPRICES,
    SCHEMA_MIGRATIONS,
    UNMAPPED_CALLS,
)
from lake.tables.prices import CATALOGS, RATES, REVENUE_RULES
from lake.tables.results import COST_LINKS, EVENT_MARGINS, EVENT_VALUES
from lake.tables.rollup import MARGIN_ROLLUP, ROLLED_DAYS
from lake.tables.usage import COSTS, SIGNALS, SPANS
from lake.tables.value import VALUE_MODELS
from lake.views import ALL_VIEWS

TABLES: Mapping[str, Table] = MappingProxyType(
    {
        table.name: table
        for table in (
            SPANS,
            COSTS,
            SIGNALS,
            COST_LINKS,
            EVENT_MARGINS,
            EVENT_VALUES,
            MARGIN_ROLLUP,
            ROLLED_DAYS,
            RATES,
            CATALOGS,
            REVENUE_RULES,
            VALUE_MODELS,
            REJECTED,
            UNMAPPED_CALLS,
            REPRICES,
            ALERTS,
            INGEST_LOG,
            KEY_DIRECTORY,
            SCHEMA_MIGRATIONS,
        )
    }
)
"""The tables by name."""

VIEWS: Mapping[str, View] = MappingProxyType({view.name: view for view in ALL_VIEWS})
"""The views by name, each after those it builds on."""
