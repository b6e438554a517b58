"""Keys of views and names of contributors are made and read in one module each, and spelt nowhere else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.contracts import contributors, view_keys
from streams.contracts.contributors import EVENT_SLOTS, ContributorKind, kind_of_contributor, rest_of
from streams.contracts.view_keys import ViewKind, kind_of, tenant_of
from streams.views.registry import VIEW_CLASSES

STREAMS = Path(view_keys.__file__).parents[1]
ROOMS = ("directory", "views", "detections", "measures", "evaluation")
NAMES = tuple(f"{name}/" for name in (*ViewKind, *ContributorKind))
OTHER_NAME_SPACES = {
    ("directory/links.py", "link/"),  # rows of links
    ("evaluation/forgetting.py", "link/"),
    ("detections/detection.py", "forest/"),  # evidence of which forest a cause is
    ("detections/authority/source_anchor_not_written.py", "user/"),  # labels of a count
}


def spelt(source: str) -> Iterator[str]:
    """The names that stand at the beginning of a text in the code; documentation may name them."""
    tree = ast.parse(source)
    documentation = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node not in documentation and isinstance(node.value, str):
            yield from (name for name in NAMES if node.value.startswith(name))


@pytest.mark.parametrize("room", ROOMS)
def test_nobody_else_spells_a_name(room: str) -> None:
    found = {
        (path.relative_to(STREAMS).as_posix(), name)
        for path in (STREAMS / room).rglob("*.py")
        for name in spelt(path.read_text(encoding="utf-8"))
    }
    assert found <= OTHER_NAME_SPACES


def test_who_spells_one_is_found() -> None:
    assert [
        *spelt('"""user/<tenant>"""\nkey = f"user/{tenant}/{anchor}"\nasks = name.startswith(("x", "probe/"))')
    ] == [
        "user/",
        "probe/",
    ]


def test_every_kind_of_view_has_a_key_and_a_class() -> None:
    assert {*VIEW_CLASSES} == {*ViewKind}
    for kind in ViewKind:
        make = getattr(view_keys, kind)
        key = make(*("t", "x", "y")[: make.__code__.co_argcount])
        assert (kind_of(key), tenant_of(key)) == (kind, "t")


def test_a_contributor_is_read_as_it_was_made() -> None:
    for contributor_kind in ContributorKind:
        name = contributor_kind.named("a/b", 7)
        assert (kind_of_contributor(name), rest_of(name)) == (contributor_kind, "a/b/7")
    assert kind_of_contributor(contributors.link("managedBy", "x")) is None
    assert kind_of_contributor("S-1-5-21-1") is None
    assert {kind_of_contributor(contributors.in_slot_of(each.named("e"), "x@y")) for each in EVENT_SLOTS} == EVENT_SLOTS
