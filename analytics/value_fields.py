"""Parts of a value model as they are written, read strictly: each error says where, and what is wrong."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final, TypeVar

from analytics.expressions.nodes import Kind
from analytics.expressions.parse import is_name
from analytics.value_model import SECONDS, Constant, ValueModelError

_T = TypeVar("_T")
_PATH: Final = re.compile(r"[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)*")
_LARGEST: Final = 10**15
_KINDS: Final[dict[str, Kind]] = {"number": "number", "string": "text", "boolean": "boolean", "duration": "number"}


class Entry:
    """A table of the model, with its place in words for errors."""

    def __init__(self, where: str, content: object) -> None:
        """Raises ValueModelError when the content is no table."""
        if not isinstance(content, Mapping):
            raise ValueModelError(f"{where}: not a table")
        self.where = where
        self._content = content

    def __contains__(self, key: str) -> bool:
        return self._content.get(key) is not None

    def only(self, known: Sequence[str]) -> None:
        """Raises ValueModelError for a key that means nothing."""
        for key in self._content:
            if key not in known:
                raise self.wrong(key, f"unknown key; known are {', '.join(known)}")

    def wrong(self, key: str, reason: object) -> ValueModelError:
        """The error to raise about a key."""
        return ValueModelError(f"{self.where}: {key}: {reason}")

    def get(self, key: str, read: Callable[[Any], _T]) -> _T | None:
        """What is at a key, read; None where there is nothing."""
        value = self._content.get(key)
        if value is None:
            return None
        try:
            return read(value)
        except (ValueError, TypeError) as error:
            raise self.wrong(key, error) from None

    def need(self, key: str, read: Callable[[Any], _T]) -> _T:
        """What is at a key, read; raises where there is nothing."""
        found = self.get(key, read)
        if found is None:
            raise self.wrong(key, "missing")
        return found

    def entries(self, key: str, name: str = "") -> "Iterator[Entry]":
        """The tables of a list; each is called by what it has at `name`, else by its number."""
        for number, content in enumerate(self.get(key, _list) or (), start=1):
            called = content.get(name) if isinstance(content, Mapping) else None
            yield Entry(f"{self.where}: {key} {called if isinstance(called, str) else number}", content)

    def table(self, key: str) -> "Entry":
        """The table at a key, an empty one where there is none."""
        return Entry(f"{self.where}: {key}", self._content.get(key) or {})

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def items(self) -> Iterator[tuple[str, Any]]:
        """All keys and what is there."""
        yield from self._content.items()


def number(value: object) -> Fraction:
    """A number, exactly as written."""
    if isinstance(value, bool) or value is None:
        raise ValueError(f"{value!r} is not a number")
    try:
        read = Fraction(str(value).strip())
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{value!r} is not a number") from None
    if abs(read.numerator) >= _LARGEST * read.denominator or read.denominator > _LARGEST:
        raise ValueError(f"{value} is too large or too finely divided")
    return read


def constant(kind: Kind) -> Callable[[object], Constant]:
    """A reader of constants of that kind."""

    def read(value: object) -> Constant:
        if kind == "number":
            return number(value)
        if kind == "boolean" and isinstance(value, bool):
            return value
        if kind == "text" and isinstance(value, str):
            return value
        raise ValueError(f"{value!r} is not a {kind}")

    return read


def kind(value: object) -> Kind:
    """The kind of a variable."""
    if value not in _KINDS:
        raise ValueError(f"{value!r} is none of {', '.join(_KINDS)}")
    return _KINDS[str(value)]


def path(value: object) -> str:
    """A place in an event's data: `dimensions.pages`, also written `data.dimensions.pages` or `$.dimensions.pages`."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a path such as dimensions.pages")
    bare = re.sub(r"^(\$\.|data\.)+", "", value.strip())
    if _PATH.fullmatch(bare) is None:
        raise ValueError(f"{value!r} is not a path such as dimensions.pages")
    return bare


def variable_name(value: object) -> str:
    """The name of a variable."""
    if not isinstance(value, str) or not is_name(value):
        raise ValueError(f"{value!r} is not a name for a variable: use letters, digits and _")
    return value


def time_unit(value: object) -> str:
    """One of the units of time."""
    if value not in SECONDS:
        raise ValueError(f"{value!r} is none of {', '.join(SECONDS)}")
    return str(value)


def texts(value: object) -> list[str]:
    """A list of texts; a single text is a list of one."""
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list | tuple) or not all(isinstance(item, str) for item in given):
        raise ValueError(f"{value!r} is not a list of texts")
    return list(given)


def slug(name: str) -> str:
    """A name as it stands in `event_values.metric`."""
    made = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    if not made:
        raise ValueError(f"{name!r} has neither letters nor digits")
    return made


def _list(value: object) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise ValueError("not a list")
    return list(value)
