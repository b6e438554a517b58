"""`$select` and `$filter` on directory objects, with the indexes that answer them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from deploy.lab.entra.change_log import LIVE, Entry
from deploy.lab.entra.collection import Collection
from deploy.lab.entra.filter_parser import parse
from deploy.lab.entra.filters import Lambda, Leaf, Logic, Node, leaves, matches
from deploy.lab.entra.index import INDEXED
from deploy.lab.entra.messages import Call, bad_request
from deploy.lab.entra.schema import KindSchema


def selection(call: Call, schema: KindSchema) -> tuple[str, ...]:
    """Return the properties to show; unknown names are refused as Graph does."""
    names = call.selected()
    if names is None:
        return schema.defaults
    for name in names:
        if not schema.tells(name, beta=call.beta) and name != "id" and not name.startswith("extension_"):
            owner = schema.odata_type.removeprefix("#")
            bad_request(f"Could not find a property named '{name}' on type '{owner}'.")
    return names


def condition(call: Call, schema: KindSchema) -> Node | None:
    """Return the parsed `$filter`, or None; properties must exist."""
    if not (text := call.options.get("filter")):
        return None
    try:
        node = parse(text)
    except ValueError as error:
        bad_request(f"Invalid filter clause: {error}")
    for leaf in leaves(node):
        if not schema.tells(leaf.path[0], beta=call.beta) and leaf.path[0] != "id":
            owner = schema.odata_type.removeprefix("#")
            bad_request(f"Invalid filter clause: no property named '{leaf.path[0]}' on type '{owner}'.")
    return node


def context(schema: KindSchema, call: Call) -> str:
    """Return the entity set of `@odata.context`, with the selected names if there are any."""
    names = call.selected()
    return schema.segment if names is None else f"{schema.segment}({','.join(names)})"


def accepts(node: Node | None, entry: Entry) -> bool:
    """Say whether an object satisfies the condition."""
    return node is None or matches(node, {"id": entry.id, **Collection.values(entry)})


def matching(collection: Collection, node: Node, position: int) -> Iterator[Entry]:
    """Yield the live objects that satisfy the condition."""
    return (e for e in pool(collection, node, position) if e.state == LIVE and accepts(node, e))


def pool(collection: Collection, node: Node | None, position: int) -> Iterator[Entry]:
    """Yield entries that may match, in log order after `position`: few if an index helps."""
    found = None if node is None else _candidates(collection, node)
    if found is None:
        return collection.log.after(position)
    return iter(sorted((e for e in found if e.seq > position), key=lambda e: e.seq))


_UNMATCHED = (Leaf(("onPremisesImmutableId",), "ne", None), Leaf(("onPremisesSyncEnabled",), "eq", False))


def _candidates(collection: Collection, node: Node) -> Iterable[Entry] | None:
    if isinstance(node, Logic):
        if node.op == "not":
            return None
        if node.op == "and" and node.parts[:2] == _UNMATCHED:
            return collection.unmatched.values()
        pools = [_candidates(collection, part) for part in node.parts]
        if node.op == "and":
            return next((pool for pool in pools if pool is not None), None)
        known = [pool for pool in pools if pool is not None]
        return {e.id: e for pool in known for e in pool}.values() if len(known) == len(pools) else None
    if isinstance(node, Lambda):
        if node.quantifier == "any" and node.path[0] in collection.with_errors:
            return collection.with_errors[node.path[0]].values()
        if node.quantifier == "any" and isinstance(node.condition, Leaf) and node.condition.path == (node.variable,):
            return _equal(collection, node.path[0], node.condition)
        return None
    if node.path[-1] == "$count" and node.path[0] in collection.with_errors:
        some = (node.op, node.value) in (("ne", 0), ("gt", 0), ("ge", 1))
        return collection.with_errors[node.path[0]].values() if some else None
    return _equal(collection, node.path[0], node) if len(node.path) == 1 else None


def _equal(collection: Collection, name: str, leaf: Leaf) -> Iterable[Entry] | None:
    wanted: Iterable[Any] = leaf.value if leaf.op == "in" else (leaf.value,)
    if leaf.op not in ("eq", "in") or not all(isinstance(one, str) for one in wanted):
        return None
    if name == "id":
        return [e for one in wanted if (e := collection.entries.get(str(one))) is not None]
    if name not in INDEXED:
        return None
    return {e.id: e for one in wanted for e in collection.find(name, str(one))}.values()
