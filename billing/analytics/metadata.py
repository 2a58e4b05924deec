"""What is in the data of events: the paths and types of their JSON, by event name."""

import json
from datetime import datetime
from typing import Any, Final

import polars as pl

from billing.context import LakeReader

_STRUCTURES: Final = """
SELECT s.event_name, CAST(json_structure(s.data) AS VARCHAR) AS structure
FROM signals AS s JOIN wanted AS w ON s.received_at >= w.starts AND s.received_at < w.ends
WHERE s.data IS NOT NULL AND json_valid(s.data) AND (w.event_name IS NULL OR s.event_name = w.event_name)
GROUP BY ALL
"""
_TYPES: Final = {"VARCHAR": "string", "BOOLEAN": "boolean", "NULL": "null", "JSON": "mixed"}


def paths(
    lake: LakeReader, event_name: str | None, starts: datetime, ends: datetime
) -> dict[str, dict[str, list[str]]]:
    """Paths (`dimensions.pages`, `items[].id`) and their types by event name, of events received in [starts, ends)."""
    moment = pl.Datetime("us", "UTC")
    wanted = pl.DataFrame(
        {"starts": [starts], "ends": [ends], "event_name": [event_name]},
        schema={"starts": moment, "ends": moment, "event_name": pl.String},
    )
    found: dict[str, dict[str, set[str]]] = {}
    for event, structure in lake.read(_STRUCTURES, wanted=wanted).iter_rows():
        of_event = found.setdefault(event, {})
        for path, kind in _walk(json.loads(structure), ""):
            of_event.setdefault(path, set()).add(kind)
    return {
        event: {path: sorted(kinds) for path, kinds in sorted(of_event.items())}
        for event, of_event in sorted(found.items())
    }


def _walk(structure: Any, path: str) -> list[tuple[str, str]]:
    """Every path below one, with its type."""
    if isinstance(structure, dict):
        below = [pair for key, each in structure.items() for pair in _walk(each, f"{path}.{key}" if path else key)]
        return [*([(path, "object")] if path else []), *below]
    if isinstance(structure, list):
        below = [pair for each in structure for pair in _walk(each, f"{path}[]")]
        return [*([(path, "array")] if path else []), *below]
    return [(path, _TYPES.get(str(structure), "number"))] if path else []
