"""The four Grafana dashboards, built with Grafana's own SDK."""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.grafana.customer import one_customer
from dashboards.grafana.ingest import ingest_health
from dashboards.grafana.models import models_and_prices
from dashboards.grafana.overview import margin_overview

DASHBOARDS: Mapping[str, Callable[[], Dashboard]] = MappingProxyType(
    {
        "margin-overview": margin_overview,
        "customer": one_customer,
        "models-and-prices": models_and_prices,
        "ingest-health": ingest_health,
    }
)
"""By the name of the file each is written to."""


def as_json(name: str) -> str:
    """One dashboard as the JSON that Grafana imports."""
    described = DASHBOARDS[name]().build()
    for number, panel in enumerate(described.panels or [], start=1):
        panel.id_val = number
    return json.dumps(described, cls=JSONEncoder, indent=2, sort_keys=True) + "\n"
