"""What a query of the API may be: one SELECT over the views, and nothing that does more than read them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import duckdb

from billing.analytics.views import VIEWS
from lake import schema
from lake.read import QueryError, only_reads

ALLOWED: Final = frozenset(view.name for view in VIEWS)
_TABLE_FUNCTIONS: Final = frozenset({"range", "generate_series", "unnest", "json_each"})
_LAKES_OWN: Final = frozenset((*schema.TABLES, *schema.VIEWS))


@dataclass(frozen=True)
class Reads:
    """What a query reads: views, and all names in it, lower case; None where it means columns without naming them."""

    views: set[str]
    names: set[str] | None


def reads_of(connection: duckdb.DuckDBPyConnection, sql: str) -> Reads:
    """What a query reads. Raises QueryError for anything but one query of the views, duckdb.Error."""
    only_reads(connection, sql)
    (statement,) = duckdb.extract_statements(sql)
    if statement.type != duckdb.StatementType.SELECT:
        raise QueryError("only SELECT and WITH are allowed here")
    row = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [statement.query]).fetchone()
    parsed = json.loads(row[0]) if row else {"error": True}
    if parsed.get("error"):
        raise QueryError(str(parsed.get("error_message") or "only SELECT and WITH are allowed here"))
    nodes = list(_nodes(parsed))
    named = {str(entry["key"]).lower() for node in nodes for entry in _entries(node)}
    for name in sorted(named & (_LAKES_OWN | ALLOWED)):
        raise QueryError(f"WITH {name}: there is a table of that name; call it otherwise")
    read: set[str] = set()
    for node in nodes:
        kind = node.get("type")
        if kind == "BASE_TABLE":
            name = str(node["table_name"]).lower()
            if node.get("schema_name") or node.get("catalog_name") or name not in ALLOWED | named:
                raise QueryError(f"there is no view {name!r} here; there are {', '.join(sorted(ALLOWED))}")
            read |= {name} & ALLOWED
        elif kind == "TABLE_FUNCTION":
            function = str(node["function"].get("function_name")).lower()
            if function not in _TABLE_FUNCTIONS:
                raise QueryError(f"table function {function} is not allowed here")
        elif kind == "SHOW_REF":
            raise QueryError("only SELECT and WITH are allowed here; GET /analytics/schema lists the views")
    return Reads(read, None if _means_unnamed(nodes) else _names(nodes))


def _names(nodes: list[dict[str, Any]]) -> set[str]:
    """Every text in a parsed query: among them the name of each column that it names."""
    values = [value for node in nodes for value in node.values()]
    values += [each for value in values if isinstance(value, list) for each in value]
    return {value.lower() for value in values if isinstance(value, str)}


def _means_unnamed(nodes: list[dict[str, Any]]) -> bool:
    """Whether columns matter that are not named: `*`, a whole row as one value, other names given by place, …"""
    tables = {
        str(node.get("alias") or node.get("table_name")).lower() for node in nodes if node.get("type") == "BASE_TABLE"
    }
    return any(
        node.get("class") == "STAR"
        or node.get("type") == "PIVOT"
        or node.get("ref_type") in ("NATURAL", "POSITIONAL")
        or bool(node.get("column_name_alias"))
        or (node.get("class") == "COLUMN_REF" and str(node["column_names"][-1]).lower() in tables)
        for node in nodes
    )


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            yield found
            waiting.extend(found.values())
        elif isinstance(found, list):
            waiting.extend(found)


def _entries(node: dict[str, Any]) -> list[dict[str, Any]]:
    ctes = node.get("cte_map")
    return ctes["map"] if isinstance(ctes, dict) else []
