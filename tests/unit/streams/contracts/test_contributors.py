"""What a contributor's name says of it."""

from __future__ import annotations

import pytest

from streams.contracts.contributors import forest_of


@pytest.mark.parametrize(
    ("contributor", "forest"),
    [
        ("ad/guid@corp", "corp"),
        ("ad/guid", ""),
        ("member/guid@corp", "corp"),
        ("manager/guid@corp", "corp"),
        ("manager/id of a user in Graph", None),
        ("members/id of a group in Graph", None),
        ("entra/id", None),
    ],
)
def test_objects_of_ad_have_a_forest_and_those_of_graph_none(contributor: str, forest: str | None) -> None:
    assert forest_of(contributor) == forest
