"""Match rules of a catalog: does a rule mean this model name, and how sure is that?

A rule that names the whole text is exact. A rule that names a part leaves the rest unexplained: only a version (a
date, a build number, Bedrock's `-v1:0`) or a path before it may remain. Any other word, such as `-preview`, `-exp`,
`-mini` or `:free`, is another product with another price, so the rule does not count.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

Kind = Literal["exact", "rule", "alias"]

_VERSION: Final = r"[-@](?:20\d{2}-\d{2}-\d{2}|20\d{6}|\d{2}-20\d{2}|\d{2}-\d{2}|\d{4}|\d{3})|@default"
_SUFFIX: Final = re.compile(rf"(?:{_VERSION})?")
_BEDROCK_SUFFIX: Final = re.compile(rf"(?:{_VERSION})?(?:-v\d+)?(?::\d+)?(?::\d+k)?")
_PATH: Final = re.compile(r"(?:[^/]+/)*")
# GovCloud is left out on purpose: it has prices of its own, so a rule must spell it.
_BEDROCK_PATH: Final = re.compile(
    r"(?:(?!us-gov-)[^/]+/)*(?:(?:us|eu|apac|au|jp|in|ca|sa|me|af|il|mx|global)\.)?(?:[a-z0-9]+\.)?"
)


@dataclass(frozen=True)
class Fit:
    """A rule that holds for a name; `head` and `tail` are the parts of the name that it does not explain."""

    whole: bool
    head: str = ""
    tail: str = ""


Matcher = Callable[[str], Fit | None]


def compile_rule(rule: Mapping[str, Any]) -> Matcher:
    """A matcher for a lower-case name from a rule's JSON form. Errors: ValueError for a rule of unknown kind."""
    ((kind, value),) = rule.items()
    if kind in ("or", "and"):
        parts = [compile_rule(part) for part in value]
        return _any_of(parts) if kind == "or" else _all_of(parts)
    if kind == "regex":
        return _regex(value)
    text = str(value).lower()
    if kind == "equals":
        return lambda name: Fit(whole=True) if name == text else None
    if kind == "starts_with":
        return lambda name: _part(name, text, 0) if name.startswith(text) else None
    if kind == "ends_with":
        return lambda name: _part(name, text, len(name) - len(text)) if name.endswith(text) else None
    if kind == "contains":
        return lambda name: _part(name, text, name.find(text)) if text in name else None
    raise ValueError(f"unknown match rule {kind!r}")


def equal_names(rule: Mapping[str, Any]) -> list[str]:
    """The names that a rule spells out whole, lower-case."""
    ((kind, value),) = rule.items()
    if kind == "equals":
        return [str(value).lower()]
    if kind == "or":
        return [name for part in value for name in equal_names(part)]
    return []


def accept(fit: Fit, name: str, model_id: str, *, bedrock: bool) -> Kind | None:
    """Judge a fit: `exact`, `rule` (a version was left over), `alias` (`-latest` was left over) or None (not meant)."""
    if name.startswith("ft:") or ".ft-" in name:
        # A fine-tune has its own price or none; its organisation and job names may be anything.
        return "rule" if model_id.lower().startswith("ft:") or ".ft-" in model_id else None
    if fit.whole:
        return "exact"
    path, suffix = (_BEDROCK_PATH, _BEDROCK_SUFFIX) if bedrock else (_PATH, _SUFFIX)
    if not path.fullmatch(fit.head):
        return None
    tails = [_from_separator(name, fit.tail)]
    if name.startswith(model_id.lower()):
        tails.append(name[len(model_id) :])
    if any(suffix.fullmatch(tail) for tail in tails):
        return "rule"
    return "alias" if "-latest" in tails else None


def _from_separator(name: str, tail: str) -> str:
    """Widen `tail` back to the separator before it when the rule's text ended inside a word or number."""
    start = len(name) - len(tail)
    if not tail or not tail[0].isalnum():
        return tail
    while start > 0 and (name[start - 1].isalnum()):
        start -= 1
    return name[max(start - 1, 0) :]


def _part(name: str, text: str, start: int) -> Fit:
    return Fit(whole=name == text, head=name[:start], tail=name[start + len(text) :])


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _regex(pattern: str) -> Matcher:
    def match(name: str) -> Fit | None:
        found = _compiled(pattern).search(name)
        if found is None:
            return None
        return Fit(whole=False, head=name[: found.start()], tail=name[found.end() :])

    return match


def _any_of(parts: list[Matcher]) -> Matcher:
    def match(name: str) -> Fit | None:
        fits = [fit for fit in (part(name) for part in parts) if fit is not None]
        return min(fits, key=lambda fit: (not fit.whole, len(fit.head) + len(fit.tail)), default=None)

    return match


def _all_of(parts: list[Matcher]) -> Matcher:
    def match(name: str) -> Fit | None:
        known = [fit for fit in (part(name) for part in parts) if fit is not None]
        if len(known) != len(parts):
            return None
        shortest_head = min((fit.head for fit in known), key=len)
        return Fit(any(fit.whole for fit in known), shortest_head, min((fit.tail for fit in known), key=len))

    return match
