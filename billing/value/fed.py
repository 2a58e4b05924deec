"""What the lake is told of the API's value model. Known to commands that have nothing else to do with the business."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Fed:
    """content: `model` and `groups` as `analytics.value_parse` reads them below `api`. backfills: how often everything
    was asked to be valued again.
    """

    content: Mapping[str, Any]
    effective_from: datetime | None
    effective_to: datetime | None
    backfills: int
