"""The written forms of counts: rows and contributions of every version are read back as they were meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contracts.counts import Count, TenantCount, numbers_for_views, summed_numbers

_LABEL = st.text(st.characters(blacklist_characters="\t", blacklist_categories=("Cs",)))


@given(
    st.builds(Count, st.just("objects"), st.just("t"), st.lists(_LABEL).map(tuple), st.sampled_from(["", "tenant/t"]))
)
def test_a_name_in_a_row_is_read_back(count: Count) -> None:
    assert Count.read(count.name) == count


@pytest.mark.parametrize(
    ("stored", "count"),
    [  # as rows have had them since counts are kept
        ("objects\tt\ttenant/t\tcorp\tuser\tsynced", Count("objects", "t", ("corp", "user", "synced"), "tenant/t")),
        ("unjoined_units\tt\t\tcorp\tSites/Graz", Count("unjoined_units", "t", ("corp", "Sites/Graz"))),
        ("failing\t\t\tunknown", Count("failing", "", ("unknown",))),
    ],
)
def test_stored_rows_are_read(stored: str, count: Count) -> None:
    assert Count.read(stored) == count and count.name == stored


def test_a_label_cannot_become_two() -> None:
    assert Count.read(Count("writeback", "t", ("corp", "a\tb")).name).labels == ("corp", "a b")


def test_what_partitions_tell_is_summed() -> None:
    told = numbers_for_views({"objects\tt\ttenant/t\tcorp\tuser\tsynced": 2, "computers\tt\t\tcorp\tactive\tother": 9})
    assert told == {"tenant/t": {"objects/corp/user/synced": 2}}
    heard = summed_numbers([told["tenant/t"], {"objects/corp/user/synced": 3, "orphans/none/user": 0}])
    assert heard == {TenantCount("objects", ("corp", "user", "synced")): 5}
