"""The operator's own dialects: ``[dialects.NAME]`` of the configuration, for wrappers that nobody else has.

A section says by what its spans are known (``detect``) and which attribute holds which field (``fields``). It becomes
a ``Dialect`` like any other: expressions, with the same checks of counts and the rules of usage.py and providers.py.
"""

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, Final

import polars as pl

from receiver.dialects.counts import with_counts
from receiver.dialects.custom_source import Attribute, DialectError, Source, attribute_of, first_of, sources_of
from receiver.dialects.dialect import Dialect, Reading
from receiver.dialects.providers import fold_provider
from receiver.dialects.registry import COUNT_KEYS, DIALECTS
from receiver.dialects.roles import AGGREGATE_OPERATIONS, role_of_operation
from receiver.dialects.schema import READING_SCHEMA

_OURS: Final = frozenset({"role", "marker", "exclusive", "raw", "note", "took"})
FIELDS: Final = {name: dtype for name, dtype in READING_SCHEMA.items() if name not in _OURS}
"""What ``[dialects.NAME.fields]`` may name; the others follow from the section."""

SECTION_KEYS: Final = (
    "detect", "fields", "input_includes_cache", "reasoning_in_output", "role", "role_attribute", "aggregate_values",
)  # fmt: skip
DETECT_KEYS: Final = ("attribute", "equals", "scope", "scope_prefix", "span_name", "span_name_prefix")

_EXCLUSIVE_PROVIDERS: Final = ("anthropic", "aws")
"""Providers whose own input counter leaves cached tokens out."""

Condition = Callable[[pl.DataFrame], pl.Expr]


def custom_dialects(sections: Mapping[str, Any]) -> tuple[Dialect, ...]:
    """Dialects of ``[dialects.NAME]`` sections, in their order; to be asked before the built-in ones.

    Raises DialectError with one line that names the dialect, the key and what is wrong with it.
    """
    return tuple(_dialect(name, section) for name, section in sections.items())


def _dialect(name: str, section: Any) -> Dialect:
    place = f"dialects.{name}"
    if not re.fullmatch(r"[A-Za-z0-9_\-]+", name):
        raise DialectError(f"{place}: a name has letters, digits, _ and - only")
    if name in {dialect.name for dialect in DIALECTS}:
        raise DialectError(f"{place}: is the name of a built-in dialect; choose another")
    _known_keys(section, SECTION_KEYS, place)
    conditions, detectors = _conditions(section.get("detect"), f"{place}.detect")
    fields = _fields(section.get("fields"), f"{place}.fields")
    exclusive = _exclusive(section.get("input_includes_cache"), place)
    apart = not _flag(section.get("reasoning_in_output", True), f"{place}.reasoning_in_output")
    role, role_sources = _role(section, place)

    def detect(df: pl.DataFrame) -> pl.Expr:
        return pl.all_horizontal([condition(df) for condition in conditions]).fill_null(value=False)

    def read(df: pl.DataFrame) -> Reading:
        values = {field: first_of(sources, df, FIELDS[field]) for field, sources in fields.items()}
        reading = {**values, **exclusive(values), "role": role(df, values)}
        if apart and "output" in values and "reasoning" in values:
            reading["output"] = values["output"] + values["reasoning"].fill_null(0)
        return reading

    named = [source for sources in fields.values() for source in sources if isinstance(source, Attribute)]
    attributes = [*named, *detectors, *role_sources]
    counted = {
        source.key
        for field, sources in fields.items()
        for source in sources
        if FIELDS[field] == pl.Int64 and isinstance(source, Attribute) and source.is_plain
    }
    keys = frozenset(source.key for source in attributes if not source.of_resource)
    return Dialect(
        name=name,
        keys=keys - COUNT_KEYS,
        counts=keys & COUNT_KEYS,
        detect=detect,
        read=read,
        prepare=lambda df: with_counts(df, counted),
        resource_keys=frozenset(source.key for source in attributes if source.of_resource),
    )


def _conditions(given: Any, place: str) -> tuple[list[Condition], list[Attribute]]:
    """What must hold of a span, and the attributes that are looked at for it."""
    if given is None:
        raise DialectError(f'{place}: missing; say what its spans have, e.g. detect = {{ attribute = "acme.model" }}')
    _known_keys(given, DETECT_KEYS, place)
    if not given:
        raise DialectError(f"{place}: is empty, so it would take every span")
    conditions: list[Condition] = []
    for key, column in (("scope", "scope_name"), ("span_name", "name")):
        if key in given:
            conditions.append(_equal(column, _text(given[key], f"{place}.{key}")))
        if f"{key}_prefix" in given:
            conditions.append(_starts(column, _text(given[f"{key}_prefix"], f"{place}.{key}_prefix")))
    if "attribute" not in given:
        if "equals" in given:
            raise DialectError(f"{place}.equals: needs an attribute beside it")
        return conditions, []
    attribute = attribute_of(given["attribute"], f"{place}.attribute")
    if "equals" in given:
        values = _values(given["equals"], f"{place}.equals")
        conditions.append(lambda df: attribute.text(df).is_in(values))
    else:
        conditions.append(lambda df: attribute.text(df).is_not_null())
    return conditions, [attribute]


def _equal(column: str, value: str) -> Condition:
    return lambda _: pl.col(column) == value


def _starts(column: str, value: str) -> Condition:
    return lambda _: pl.col(column).str.starts_with(value)


def _fields(given: Any, place: str) -> dict[str, tuple[Source, ...]]:
    if not given:
        raise DialectError(f"{place}: missing; say at least which attribute holds the model")
    _known_keys(given, tuple(FIELDS), place)
    return {name: sources_of(value, f"{place}.{name}", FIELDS[name]) for name, value in given.items()}


def _exclusive(given: Any, place: str) -> Callable[[Reading], Reading]:
    """What the section says of the input counter, as the reading's ``exclusive``; nothing when it says nothing."""
    if given is None:
        return lambda _: {}
    if isinstance(given, bool):
        return lambda _: {"exclusive": pl.lit(not given)}
    if given == "by_provider":
        unknown = pl.lit(None, dtype=pl.String)
        return lambda values: {"exclusive": fold_provider(values.get("provider", unknown)).is_in(_EXCLUSIVE_PROVIDERS)}
    raise DialectError(f'{place}.input_includes_cache: must be true, false or "by_provider"')


def _role(section: Mapping[str, Any], place: str) -> tuple[Callable[[pl.DataFrame, Reading], pl.Expr], list[Attribute]]:
    """How to tell calls from spans that repeat their children: as stated, by an attribute, else by the operation."""
    stated = section.get("role")
    if stated is not None:
        if stated not in ("call", "aggregate"):
            raise DialectError(f'{place}.role: must be "call" or "aggregate"')
        if "role_attribute" in section or "aggregate_values" in section:
            raise DialectError(f"{place}.role: leave it out where role_attribute says it")
        return lambda _, values: pl.lit(stated), []
    if "role_attribute" not in section:
        if "aggregate_values" in section:
            raise DialectError(f"{place}.aggregate_values: needs role_attribute beside it")
        return lambda _, values: role_of_operation(values.get("operation", pl.lit(None, dtype=pl.String))), []
    attribute = attribute_of(section["role_attribute"], f"{place}.role_attribute")
    own = _values(section.get("aggregate_values", "aggregate"), f"{place}.aggregate_values")
    repeats = {value.lower() for value in own} | AGGREGATE_OPERATIONS

    def role(df: pl.DataFrame, _: Reading) -> pl.Expr:
        said = attribute.text(df).str.to_lowercase().is_in(list(repeats)).fill_null(value=False)
        return pl.when(said).then(pl.lit("aggregate")).otherwise(pl.lit("call"))

    return role, [attribute]


def _known_keys(given: Any, known: tuple[str, ...], place: str) -> None:
    """Raise unless it is a table of known keys; a key that is nearly one is answered with it."""
    if not isinstance(given, Mapping):
        raise DialectError(f"{place}: must be a table")
    for key in given:
        if key not in known:
            likely = get_close_matches(key.removesuffix("_tokens"), known, n=1) or get_close_matches(key, known, n=1)
            hint = f"did you mean {likely[0]}?" if likely else f"known are {', '.join(known)}"
            raise DialectError(f"{place}.{key}: unknown key; {hint}")


def _text(given: Any, place: str) -> str:
    if isinstance(given, str) and given:
        return given
    raise DialectError(f"{place}: must be a text that is not empty")


def _flag(given: Any, place: str) -> bool:
    if isinstance(given, bool):
        return given
    raise DialectError(f"{place}: must be true or false")


def _values(given: Any, place: str) -> list[str]:
    """One value or a list of them, as the text that attributes are compared by."""
    listed = given if isinstance(given, list | tuple) else [given]
    if not listed or not all(isinstance(value, str | int) for value in listed):
        raise DialectError(f"{place}: must be a text, a whole number, true or false, or a list of them")
    return [str(value).lower() if isinstance(value, bool) else str(value) for value in listed]
