"""Every detection about synchronisation itself, and about writeback, is shown by a story of the lab."""

from __future__ import annotations

import pytest

from deploy.lab.hybrid import build
from deploy.lab.stories import STORIES, large_directory, large_group
from streams.detections.registry import all_detections

FAMILIES = {"authority", "capacity", "conflict", "engine", "flow", "hybrid_join", "writeback"}


@pytest.fixture(autouse=True)
def of_modest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a story is about does not depend on how many objects fill its directory."""
    monkeypatch.setattr(large_directory, "_OBJECTS", 300)
    monkeypatch.setattr(large_group, "_PARTNERS", 300)


def test_no_detection_is_left_out() -> None:
    """A story plays it, or its metadata say why none does."""
    shown = {each.detection for story in STORIES.values() for each in story(build(150)).expectations}
    wanted = {each.detection.id: each.detection for each in all_detections() if each.detection.family in FAMILIES}
    assert {id for id, each in wanted.items() if id not in shown and not each.no_story} == set()
    assert {id for id, each in wanted.items() if id in shown and each.no_story} == set()


def test_a_story_has_the_name_under_which_it_is_asked_for() -> None:
    built = {name: story(build(150)) for name, story in STORIES.items()}
    assert {name: story.name for name, story in built.items()} == {name: name for name in built}
