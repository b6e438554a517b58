"""Labels whose values an installation, or somebody who writes into an event topic, makes: the largest, and the rest."""

from __future__ import annotations

from typing import Any

import pytest

from streams.agents.metrics import MOST_VALUES, OTHER, CountCollector
from streams.contracts.counts import Count
from streams.measures.registry import all_counts

GROWING = sorted(subject for subject, each in all_counts().items() if each.family.growing)


def shown(subject: str, labels: Any) -> dict[str, float]:
    collector, family = CountCollector(), all_counts()[subject].family
    for number in range(1, 501):
        collector.counts[Count(subject, "t", (*labels, f"v{number:03}")).name] += number
    [metric] = [each for each in collector.collect() if each.name == family.metric]
    return {sample.labels[family.labels[-1]]: sample.value for sample in metric.samples}


@pytest.mark.parametrize("subject", GROWING)
def test_the_largest_have_a_series_and_the_rest_have_one(subject: str) -> None:
    found = shown(subject, [f"l{number}" for number in range(len(all_counts()[subject].family.labels) - 1)])
    assert len(found) == MOST_VALUES + 1
    assert found["v500"] == 500 and "v001" not in found
    assert sum(found.values()) == sum(range(1, 501)) and found[OTHER] == sum(range(1, 451))


def test_every_label_with_names_of_servers_is_bounded() -> None:
    families = {subject: each.family for subject, each in all_counts().items()}
    assert {"unjoined_units", "writeback"} <= set(GROWING)
    assert {subject for subject, family in families.items() if "server" in family.labels} <= set(GROWING)
    assert all(families[subject].labels[-1] in {"unit", "server"} for subject in GROWING)


def test_what_another_version_counted_breaks_nothing() -> None:
    collector = CountCollector()
    collector.counts["of_tomorrow\tt\t\tcorp"] = 3
    collector.counts["computers\tt\t\tcorp\tactive"] = 3  # with a label less than this version has
    collector.counts["computers\tt\t\tcorp\tactive\twindows 11"] = 2
    assert [sample.value for family in collector.collect() for sample in family.samples] == [2]
