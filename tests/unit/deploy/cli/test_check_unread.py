"""`synchealth check` lists the events that an installation ships and no reader knows."""

from __future__ import annotations

import pytest

from deploy.cli.check import pipeline
from deploy.cli.check.line import Mark
from sinks.freshness import Freshness, LastContact, SourceFreshness
from streams.runtime.settings import Settings


def test_it_lists_the_most_frequent_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    unread = {"adsync/6012": 3, "other/other": 1200} | {f"adsync/{number}": 1 for number in range(9000, 9010)}
    sources = [
        SourceFreshness("eventlog/servers", 1.0, LastContact(1_000, "streaming", 9, unread)),
        SourceFreshness("ad/corp", 1.0, LastContact(1_000, "streaming", 9)),
    ]
    monkeypatch.setattr(pipeline, "read_freshness", lambda _: Freshness(1_000, sources, None, "no broker"))
    [line] = [each for each in pipeline.check_pipeline(Settings()) if "no reader" in each.what]
    assert (line.area, line.mark) == ("eventlog/servers", Mark.GAP)
    assert "other/other (1,200), adsync/6012 (3), adsync/9000 (1)" in line.what
    assert line.what.endswith("and 2 more kinds")
