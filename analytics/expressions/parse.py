"""Reading a formula: `hours * 60 + minutes`, `if(resolved and tier == "gold", 12.5, 0)`, `saved > 0 ? saved : 0`."""

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Final, NamedTuple

from analytics.expressions.nodes import (
    COMPARISONS,
    LOGIC,
    MOST_DIGITS,
    Constant,
    ExpressionError,
    Kind,
    Name,
    Node,
    Operation,
)

LONGEST: Final = 2_000
"""Characters of a formula."""

DEEPEST: Final = 40
"""How deep parentheses, functions and signs may nest."""

MOST_PARTS: Final = 300
"""Numbers, names, operators and functions in a formula."""

_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,2})?)
      | (?P<text>"[^"]*"|'[^']*')
      | (?P<name>[A-Za-z_][A-Za-z0-9_.]*)
      | (?P<sign>==|!=|<=|>=|&&|\|\||[-+*/%<>!?:(),])
    )""",
    re.VERBOSE,
)
_ALIASES: Final = {"&&": "and", "||": "or", "!": "not"}
_LEVELS: Final = (("or",), ("and",), COMPARISONS, ("+", "-"), ("*", "/", "%"))
"""Operators between two values, those that bind least first."""

_ARGUMENTS: Final = {
    "if": (3, 3), "min": (1, 20), "max": (1, 20), "abs": (1, 1), "floor": (1, 1), "ceil": (1, 1), "round": (1, 2),
}  # fmt: skip
_WORDS: Final = {"and", "or", "not", "true", "false"}


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


def parse(expression: str, kinds: Mapping[str, Kind]) -> Node:
    """Read a formula that yields a number. kinds: the variables there are, and what each holds.

    Raises ExpressionError: what is wrong and at which character, also for unknown variables and for kinds that do not
    go together.
    """
    if len(expression) > LONGEST:
        raise ExpressionError(f"longer than {LONGEST} characters")
    reader = _Reader(_tokens(expression), kinds)
    node = reader.choice(0)
    if reader.next.kind != "end":
        raise ExpressionError(f"unexpected {reader.next.text!r} at character {reader.next.at}")
    if kind_of(node, kinds) != "number":
        raise ExpressionError(f"yields a {kind_of(node, kinds)}, not a number")
    return node


def is_name(text: str) -> bool:
    """Whether a formula can name a variable so."""
    found = _TOKEN.fullmatch(text)
    return bool(found and found.lastgroup == "name" and text not in _WORDS and text not in _ARGUMENTS)


def kind_of(node: Node, kinds: Mapping[str, Kind]) -> Kind:
    """What a part of a checked formula yields."""
    if isinstance(node, Constant):
        return "boolean" if isinstance(node.value, bool) else "text" if isinstance(node.value, str) else "number"
    if isinstance(node, Name):
        return kinds[node.name]
    if node.operator in (*COMPARISONS, *LOGIC, "not"):
        return "boolean"
    return kind_of(node.operands[1], kinds) if node.operator == "if" else "number"


def _tokens(expression: str) -> list[_Token]:
    found: list[_Token] = []
    place = 0
    end = len(expression.rstrip())
    while place < end:
        match = _TOKEN.match(expression, place)
        if match is None or match.lastgroup is None:
            at = place + len(expression[place:]) - len(expression[place:].lstrip())
            raise ExpressionError(f"unexpected {expression[at]!r} at character {at + 1}")
        kind = match.lastgroup
        text = match.group(kind)
        text = _ALIASES.get(text, text)
        kind = "sign" if text in (*LOGIC, "not") else kind
        found.append(_Token(kind, text, match.start(match.lastgroup) + 1))
        place = match.end()
    return [*found, _Token("end", "the end", len(expression) + 1)]


class _Reader:
    """Recursive descent; every step checks the kinds of what it has read."""

    def __init__(self, tokens: list[_Token], kinds: Mapping[str, Kind]) -> None:
        if len(tokens) > MOST_PARTS * 2:
            raise ExpressionError(f"more than {MOST_PARTS} parts")
        self._tokens = tokens
        self._kinds = kinds
        self._place = 0
        self._parts = 0

    @property
    def next(self) -> _Token:
        """The token that comes next."""
        return self._tokens[self._place]

    def choice(self, depth: int) -> Node:
        """`condition ? value : other`, or anything that binds more."""
        if depth > DEEPEST:
            raise ExpressionError(f"nested deeper than {DEEPEST} at character {self.next.at}")
        node = self._binary(0, depth)
        if self.next.text != "?":
            return node
        at = self._take().at
        then = self.choice(depth + 1)
        self._expect(":")
        return self._made("if", (node, then, self.choice(depth + 1)), at)

    def _binary(self, level: int, depth: int) -> Node:
        if level == len(_LEVELS):
            return self._unary(depth)
        if _LEVELS[level] == COMPARISONS and self.next.kind == "sign" and self.next.text == "not":
            at = self._take().at
            return self._made("not", (self._deeper(level, depth),), at)
        left = self._binary(level + 1, depth)
        while self.next.kind == "sign" and self.next.text in _LEVELS[level]:
            token = self._take()
            left = self._made(token.text, (left, self._binary(level + 1, depth)), token.at)
            if token.text in COMPARISONS and self.next.text in COMPARISONS:
                raise ExpressionError(f"comparisons cannot be chained, at character {self.next.at}")
        return left

    def _deeper(self, level: int, depth: int) -> Node:
        if depth > DEEPEST:
            raise ExpressionError(f"nested deeper than {DEEPEST} at character {self.next.at}")
        return self._binary(level, depth + 1)

    def _unary(self, depth: int) -> Node:
        if depth > DEEPEST:
            raise ExpressionError(f"nested deeper than {DEEPEST} at character {self.next.at}")
        if self.next.kind == "sign" and self.next.text in ("-", "+", "not"):
            token = self._take()
            node = self._unary(depth + 1)
            operator = "negate" if token.text == "-" else token.text
            return node if token.text == "+" else self._made(operator, (node,), token.at)
        return self._value(depth)

    def _value(self, depth: int) -> Node:
        token = self._take()
        self._parts += 1
        if token.kind == "number":
            return Constant(Fraction(token.text), token.at)
        if token.kind == "text":
            return Constant(token.text[1:-1], token.at)
        if token.kind == "name":
            return self._named(token, depth)
        if token.text == "(":
            node = self.choice(depth + 1)
            self._expect(")")
            return node
        raise ExpressionError(f"unexpected {_shown(token)} at character {token.at}")

    def _named(self, token: _Token, depth: int) -> Node:
        if token.text in ("true", "false"):
            return Constant(token.text == "true", token.at)
        if self.next.text != "(" or self.next.kind != "sign":
            if token.text not in self._kinds:
                known = ", ".join(sorted(self._kinds)) or "none"
                raise ExpressionError(f"unknown variable {token.text!r} at character {token.at} (there are: {known})")
            return Name(token.text, token.at)
        if token.text not in _ARGUMENTS:
            known = ", ".join(sorted(_ARGUMENTS))
            raise ExpressionError(f"unknown function {token.text!r} at character {token.at} (there are: {known})")
        self._take()
        operands = [self.choice(depth + 1)]
        while self.next.text == ",":
            self._take()
            operands.append(self.choice(depth + 1))
        self._expect(")")
        least, most = _ARGUMENTS[token.text]
        if not least <= len(operands) <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            raise ExpressionError(f"{token.text} takes {wanted} values, at character {token.at}")
        return self._made(token.text, tuple(operands), token.at)

    def _made(self, operator: str, operands: tuple[Node, ...], at: int) -> Operation:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise ExpressionError(f"more than {MOST_PARTS} parts")
        found = [kind_of(operand, self._kinds) for operand in operands]
        wanted = _wanted(operator, found)
        for kind, right in zip(found, wanted, strict=True):
            if kind != right:
                raise ExpressionError(f"{operator} cannot take a {kind} here, at character {at}")
        if operator == "round" and not _digits(operands):
            raise ExpressionError(f"round takes 0 to {MOST_DIGITS} digits, written as a number, at character {at}")
        return Operation(operator, operands, at)

    def _take(self) -> _Token:
        token = self.next
        self._place = min(self._place + 1, len(self._tokens) - 1)
        return token

    def _expect(self, text: str) -> None:
        token = self._take()
        if token.text != text or token.kind != "sign":
            raise ExpressionError(f"expected {text!r}, not {_shown(token)}, at character {token.at}")


def _wanted(operator: str, found: list[Kind]) -> list[Kind]:
    """The kinds that an operator takes."""
    if operator in (*LOGIC, "not"):
        return ["boolean"] * len(found)
    if operator == "if":
        return ["boolean", found[1], found[1]]
    if operator in ("==", "!="):
        return [found[0], found[0]]
    return ["number"] * len(found)


def _digits(operands: tuple[Node, ...]) -> bool:
    if len(operands) == 1:
        return True
    digits = operands[1].value if isinstance(operands[1], Constant) else None
    return isinstance(digits, Fraction) and digits.denominator == 1 and 0 <= digits <= MOST_DIGITS


def _shown(token: _Token) -> str:
    return token.text if token.kind == "end" else repr(token.text)
