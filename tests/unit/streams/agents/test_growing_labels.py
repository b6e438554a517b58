"""Labels whose values an installation, or somebody who writes into an event topic, makes: the largest, and the rest."""

from __future__ import annotations

from typing import Any

import pytest

from streams.agents.metrics import GROWING, MOST_VALUES, OTHER, Census
from streams.measures.counts import SUBJECTS, Count


def shown(subject: str, labels: Any) -> dict[str, float]:
    census = Census()
    for number in range(1, 501):
        census.counts[Count(subject, "t", (*labels, f"v{number:03}")).name] += number
    [family] = [each for each in census.collect() if each.name == SUBJECTS[subject][0]]
    return {sample.labels[SUBJECTS[subject][2][-1]]: sample.value for sample in family.samples}


@pytest.mark.parametrize("subject", sorted(GROWING))
def test_the_largest_have_a_series_and_the_rest_have_one(subject: str) -> None:
    found = shown(subject, [f"l{number}" for number in range(len(SUBJECTS[subject][2]) - 1)])
    assert len(found) == MOST_VALUES + 1
    assert found["v500"] == 500 and "v001" not in found
    assert sum(found.values()) == sum(range(1, 501)) and found[OTHER] == sum(range(1, 451))


def test_every_label_with_names_of_servers_is_bounded() -> None:
    assert {subject for subject, (_, _, labels) in SUBJECTS.items() if "server" in labels} <= GROWING
    assert all(SUBJECTS[subject][2][-1] in {"unit", "server"} for subject in GROWING)
