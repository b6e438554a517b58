"""The service connection point, on a lab directory and on Samba: none, one, another, none again."""

from __future__ import annotations

import time
from collections.abc import Callable

from producers.ad.forest import SCP
from streams.contracts.facts import FOREST_KEYWORDS, Fact, ObjectKind
from tests.integration.ad.conftest import Reading
from tests.support.samba import SambaDC


def look(read: Reading) -> list[Fact]:
    """What the source says of the forest, once it is time to look again."""
    time.sleep(0.02)
    return [fact for fact in read.drain() if fact.kind is ObjectKind.FOREST]


def test_the_connection_point_is_read_and_followed(directory: SambaDC, reading: Callable[..., Reading]) -> None:
    configuration = f"CN=Configuration,{directory.base_dn}"
    read = reading(directory, hybrid_join=True, forest_interval_s=0.01)
    (first,) = look(read)
    assert first.full
    assert first.attributes == {"distinguishedName": configuration}
    assert look(read) == []

    point, container = f"{SCP},{configuration}", f"{SCP.partition(',')[2]},{configuration}"
    directory.add(container, "container")
    directory.add(point, "serviceConnectionPoint", {"keywords": ["azureADId:t1", "azureADName:a.example"]})
    (found,) = look(read)
    assert found.object_id == first.object_id
    assert found.seq > first.seq
    assert found.attributes[FOREST_KEYWORDS] == ["azureADId:t1", "azureADName:a.example"]
    assert str(found.attributes["whenChanged"]).endswith("Z")

    read.restart()
    (again,) = look(read)
    assert again.attributes == found.attributes
    assert again.seq > found.seq

    directory.delete(point)
    (gone,) = look(read)
    assert gone.attributes == first.attributes


def test_nobody_looks_where_hybrid_join_is_not_watched(directory: SambaDC, reading: Callable[..., Reading]) -> None:
    assert look(reading(directory)) == []
