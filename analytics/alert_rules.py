"""The rules of alerts: what is watched, of whom, over which window of time, and from which figure on it is told."""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Literal

import polars as pl

Kind = Literal["margin_below", "unclaimed_above", "unpriced_above", "daily_cost_above", "monthly_budget"]
Severity = Literal["info", "warning", "critical"]
Scope = Literal["customer", "product", "event"]
Unit = Literal["%", "USD", "calls"]

SCOPE_COLUMNS: Final[dict[Scope, str]] = {
    "customer": "customer_id", "product": "product_id", "event": "event_name",
}  # fmt: skip
"""The column of the lake's tables that each scope looks at."""


class AlertError(ValueError):
    """A rule of alerts that cannot be used; the message is one line naming the entry and the key."""


@dataclass(frozen=True)
class Span:
    """How long the windows of a rule are: a UTC day, a UTC month, or so many hours (counted from 1970)."""

    unit: Literal["day", "month", "hours"]
    hours: int = 0


@dataclass(frozen=True)
class Level:
    """One figure from which on a rule fires. `percent`: of a budget, of which there are several levels."""

    threshold: Decimal
    percent: Decimal | None = None


@dataclass(frozen=True)
class AlertRule:
    """One `[[alert]]`.

    `patterns` narrow it to customers, products and events (`*` and `?` stand for any characters). Of what is left,
    there is one figure for each value of the scopes in `each`, or one of all. `unit` is that of the levels.
    `min_events`: with fewer events (calls, where calls are counted) it does not fire. `min_cost`: likewise, US dollars.
    """

    name: str
    kind: Kind
    window: Span
    unit: Unit
    levels: tuple[Level, ...]
    severity: Severity = "warning"
    each: tuple[Scope, ...] = ()
    patterns: tuple[tuple[Scope, str], ...] = field(default=())
    min_events: int = 1
    min_cost: Decimal = Decimal(0)

    def matches(self) -> pl.Expr:
        """Whether a row with the scope columns is looked at. A row that says nothing matches no pattern, not even *."""
        tests = [
            pl.col(SCOPE_COLUMNS[scope]).str.contains(_regex(pattern)).fill_null(False)
            for scope, pattern in self.patterns
        ]
        tests += [pl.col(SCOPE_COLUMNS[scope]).is_not_null() for scope in self.each]
        return pl.all_horizontal(pl.lit(True), *tests)

    def named(self, scope: Scope) -> str | None:
        """The one value that the rule's pattern allows; None when there is no pattern, or one that allows several."""
        pattern = dict(self.patterns).get(scope)
        return None if pattern is None or "*" in pattern or "?" in pattern else pattern


def _regex(pattern: str) -> str:
    parts = (".*" if sign == "*" else "." if sign == "?" else re.escape(sign) for sign in pattern)
    return "(?s)^" + "".join(parts) + "$"
