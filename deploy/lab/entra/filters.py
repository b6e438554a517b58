"""The part of OData `$filter` that Graph's directory and log queries use.

`filter_parser.parse` gives the tree; `matches` decides for one item; `leaves` lists what is compared, so
that a service can refuse what real Graph refuses and use an index where it has one.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from deploy.lab.entra.graph_time import ticks

COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
FUNCTIONS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "contains": operator.contains,
}


@dataclass(frozen=True, slots=True)
class Leaf:
    """A comparison: `op` is an OData operator, a function name or `in`."""

    path: tuple[str, ...]
    op: str
    value: Any
    is_time: bool = False


@dataclass(frozen=True, slots=True)
class Lambda:
    """`path/any(x: condition)` or `path/all(...)`; paths inside start with the variable."""

    path: tuple[str, ...]
    quantifier: str
    variable: str
    condition: Node | None


@dataclass(frozen=True, slots=True)
class Logic:
    """`and`, `or` and `not` over conditions."""

    op: str
    parts: tuple[Node, ...]


Node = Leaf | Lambda | Logic


def leaves(node: Node, prefix: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Yield every comparison, with paths inside `any` joined to the collection's path."""
    if isinstance(node, Leaf):
        yield Leaf(prefix + node.path, node.op, node.value, node.is_time)
    elif isinstance(node, Logic):
        for part in node.parts:
            yield from leaves(part, prefix)
    elif node.condition is None:
        yield Leaf(prefix + node.path, node.quantifier, None)
    else:
        for leaf in leaves(node.condition):
            inner = leaf.path[1:] if leaf.path[:1] == (node.variable,) else leaf.path
            yield Leaf(prefix + node.path + inner, leaf.op, leaf.value, leaf.is_time)


def matches(node: Node, item: Any, *, fold: bool = True) -> bool:
    """Decide for one item; `fold` compares strings without case, as the directory does."""
    if isinstance(node, Logic):
        if node.op == "not":
            return not matches(node.parts[0], item, fold=fold)
        return (all if node.op == "and" else any)(matches(part, item, fold=fold) for part in node.parts)
    if isinstance(node, Lambda):
        values = _reach(item, node.path) or []
        if node.condition is None:
            return bool(values)
        quantify = any if node.quantifier == "any" else all
        condition = node.condition
        return quantify(matches(condition, {node.variable: value}, fold=fold) for value in values)
    return _holds(node, item, fold)


def _holds(leaf: Leaf, item: Any, fold: bool) -> bool:
    if leaf.path[-1] == "$count":
        return COMPARE[leaf.op](len(_reach(item, leaf.path[:-1]) or ()), leaf.value)
    actual, wanted = _reach(item, leaf.path), leaf.value
    if leaf.is_time and isinstance(actual, str):
        actual = ticks(actual)
    if fold:
        actual, wanted = _folded(actual), _folded(wanted)
    if leaf.op == "in":
        return actual in wanted
    if leaf.op in FUNCTIONS:
        return isinstance(actual, str) and FUNCTIONS[leaf.op](actual, wanted)
    if leaf.op not in ("eq", "ne") and (actual is None or isinstance(actual, str) != isinstance(wanted, str)):
        return False
    return COMPARE[leaf.op](actual, wanted)


def _folded(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_folded(one) for one in value)
    return value.lower() if isinstance(value, str) else value


def _reach(item: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if not isinstance(item, Mapping):
            return None
        item = item.get(name)
    return item
