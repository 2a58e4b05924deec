"""The data modules of `genai-prices` read as data: literal Python parsed, never run.

Any release can be read this way, whatever classes it defines and without what it depends on.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from datetime import UTC, date, time
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, Final

from pricing_tables.importers.releases import SourceError

_CALLS: Final[Mapping[str, Callable[..., Any]]] = {"Decimal": Decimal, "datetime.date": date, "datetime.time": time}
_NAMES: Final[Mapping[str, Any]] = {"datetime.timezone.utc": UTC, "datetime.UTC": UTC}


def read_providers(text: str) -> list[Any]:
    """The list `providers` of a `data.py`: records with the attributes that its constructor calls name.

    Errors: SourceError when the text is not such a module.
    """
    providers = _assigned(text, "providers")
    if not isinstance(providers, list):
        raise SourceError("genai-prices: providers is not a list")
    return providers


def read_units(text: str) -> dict[str, Any]:
    """The table `unit_data` of a `data_units.py`. Errors: SourceError when the text is not such a module."""
    units = _assigned(text, "unit_data")
    if not isinstance(units, dict):
        raise SourceError("genai-prices: unit_data is not a table")
    return units


def _assigned(text: str, name: str) -> Any:
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise SourceError(f"genai-prices: not Python ({error})") from None
    for statement in module.body:
        target = getattr(statement, "target", None)
        if isinstance(statement, ast.AnnAssign) and isinstance(target, ast.Name) and target.id == name:
            return _value(statement.value)
    raise SourceError(f"genai-prices: no {name} in its data")


def _value(node: ast.expr | None) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.List):
        return [_value(item) for item in node.elts]
    if isinstance(node, ast.Dict):
        return {_value(key): _value(value) for key, value in zip(node.keys, node.values, strict=True)}
    if isinstance(node, ast.Call):
        make = _CALLS.get(ast.unparse(node.func), SimpleNamespace)
        words = {word.arg or "": _value(word.value) for word in node.keywords}
        try:
            return make(*map(_value, node.args), **words)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise SourceError(f"genai-prices: {ast.unparse(node)[:80]} in its data is no literal ({error})") from None
    if isinstance(node, ast.Attribute) and (name := ast.unparse(node)) in _NAMES:
        return _NAMES[name]
    raise SourceError(f"genai-prices: {type(node).__name__} in its data is not a literal")
