"""Read an OData `$filter` expression into the tree of `filters`."""

from __future__ import annotations

import re
from typing import Any

from deploy.lab.entra.filters import COMPARE, FUNCTIONS, Lambda, Leaf, Logic, Node
from deploy.lab.entra.graph_time import ticks

_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')"
    r"|(?P<guid>[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})"
    r"|(?P<time>\d{4}-\d{2}-\d{2}(?:T[0-9:.]+(?:Z|[+-]\d{2}:\d{2}))?(?![\w-]))"
    r"|(?P<number>-?\d+(?:\.\d+)?(?![\w-]))"
    r"|(?P<name>[@A-Za-z_$][\w$.-]*(?:/[A-Za-z_$][\w$.-]*)*)"
    r"|(?P<mark>[():,]))"
)


def parse(text: str) -> Node:
    """Parse a `$filter` expression.

    Raises:
        ValueError: it is not one, or uses something not supported here.
    """
    parser = _Parser(text)
    node = parser.disjunction()
    if parser.kind:
        raise ValueError(f"Syntax error at position {parser.start} in '{text}'.")
    return node


class _Parser:
    """Recursive descent over the tokens of one expression."""

    def __init__(self, text: str) -> None:
        self.text, self.end = text, 0
        self.kind, self.value, self.start = "", "", 0
        self._advance()

    def disjunction(self) -> Node:
        parts = [self._conjunction()]
        while self._take("or"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else Logic("or", tuple(parts))

    def _conjunction(self) -> Node:
        parts = [self._negation()]
        while self._take("and"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else Logic("and", tuple(parts))

    def _negation(self) -> Node:
        if self._take("not"):
            return Logic("not", (self._negation(),))
        if self._take("("):
            inner = self.disjunction()
            self._expect(")")
            return inner
        return self._condition()

    def _condition(self) -> Node:
        name = self._name()
        if name.lower() in FUNCTIONS and self._take("("):
            path = self._name()
            self._expect(",")
            value, _ = self._literal()
            self._expect(")")
            if self._take("eq"):
                self._expect("true")
            return Leaf(tuple(path.split("/")), name.lower(), value)
        path, _, last = name.rpartition("/")
        if path and last in ("any", "all") and self._take("("):
            return self._quantified(tuple(path.split("/")), last)
        op = self._name().lower()
        if op == "in":
            self._expect("(")
            values = [self._literal()[0]]
            while self._take(","):
                values.append(self._literal()[0])
            self._expect(")")
            return Leaf(tuple(name.split("/")), op, tuple(values))
        if op not in COMPARE:
            raise ValueError(f"Unrecognized operator '{op}' in '{self.text}'.")
        value, is_time = self._literal()
        return Leaf(tuple(name.split("/")), op, value, is_time)

    def _quantified(self, path: tuple[str, ...], quantifier: str) -> Node:
        if self._take(")"):
            return Lambda(path, quantifier, "", None)
        variable = self._name()
        self._expect(":")
        condition = self.disjunction()
        self._expect(")")
        return Lambda(path, quantifier, variable, condition)

    def _literal(self) -> tuple[Any, bool]:
        kind, value = self.kind, self.value
        self._advance()
        if kind == "string":
            return value[1:-1].replace("''", "'"), False
        if kind == "time":
            return ticks(value), True
        if kind == "number":
            return float(value) if "." in value else int(value), False
        if kind == "name" and value.lower() in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[value.lower()], False
        if kind in ("name", "guid"):
            return value, False  # an enum member or a GUID, unquoted
        raise ValueError(f"Syntax error: a value is missing in '{self.text}'.")

    def _name(self) -> str:
        if self.kind != "name":
            raise ValueError(f"Syntax error at position {self.start} in '{self.text}'.")
        value = self.value
        self._advance()
        return value

    def _take(self, word: str) -> bool:
        if self.kind in ("name", "mark") and self.value.lower() == word:
            self._advance()
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise ValueError(f"Syntax error: '{word}' expected at position {self.start} in '{self.text}'.")

    def _advance(self) -> None:
        match = _TOKEN.match(self.text, self.end)
        if match is None:
            if self.text[self.end :].strip():
                raise ValueError(f"Syntax error at position {self.end} in '{self.text}'.")
            self.kind, self.value, self.start = "", "", self.end
            return
        self.kind = match.lastgroup or ""
        self.value, self.start, self.end = match.group(self.kind), match.start(), match.end()
