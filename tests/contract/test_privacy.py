"""PRIVACY.md says of each topic how long it keeps what: as the topics and the settings are, not as they were."""

from __future__ import annotations

import re
from pathlib import Path

from deploy.cli.forget import _elsewhere
from streams.contracts.topics import DAY_MS, TOPICS
from streams.directory.event_slots import LOG_REMEMBERED_MS, LONGEST_REMEMBERED_MS
from streams.runtime.settings import DeadLetterSettings, DetectionSettings, StreamsSettings
from streams.views.device.device_view import REMEMBERED_MS as DEVICES_REMEMBERED_MS
from streams.views.identity.object_view import REMEMBERED_MS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "PRIVACY.md").read_text("utf-8")
ROWS = dict(re.findall(r"^\| `(synchealth\.[a-z.0-9]+)` \| .* \| ([^|]+) \|$", PAGE, re.MULTILINE))


def days(ms: float) -> str:
    number = ms / DAY_MS
    assert number == int(number)
    return f"{int(number)} day{'s' if number != 1 else ''}"


def test_every_topic_stands_in_the_page_once() -> None:
    assert ROWS.keys() == {topic.name for topic in TOPICS}
    assert len(re.findall(r"^\| `synchealth\.", PAGE, re.MULTILINE)) == len(TOPICS)


def test_topics_that_only_grow_keep_records_as_long_as_the_page_says() -> None:
    for topic in TOPICS:
        if not topic.compacted:
            assert ROWS[topic.name] == days(topic.retention_ms), topic.name


def test_what_compacted_topics_forget_is_told_with_its_setting() -> None:
    forgotten = days(StreamsSettings().forget_after_s * 1000)
    for side in ("ad", "entra"):
        told = ROWS[f"synchealth.state.{side}.objects.v1"]
        assert told == f"{forgotten} after its deletion (`[streams] forget_after_s`)"
    resolved = days(DetectionSettings().resolved_retention_s * 1000)
    assert ROWS["synchealth.findings.v1"] == f"{resolved} after it is resolved (`[detections] resolved_retention_s`)"
    views = f"{days(REMEMBERED_MS)} after the deletion of its object, devices {DEVICES_REMEMBERED_MS // DAY_MS}"
    assert ROWS["synchealth.state.views.v1"] == views
    assert not DeadLetterSettings().keep_documents


def test_views_remember_log_entries_as_long_as_the_page_says() -> None:
    most = f"log entries for {days(LOG_REMEMBERED_MS)} at most"
    assert f"{most}, sign-ins of devices (no users) for {LONGEST_REMEMBERED_MS // DAY_MS}" in PAGE


def test_the_readme_leads_to_it_and_forget_names_what_it_cannot_reach() -> None:
    assert "(PRIVACY.md)" in (ROOT / "README.md").read_text("utf-8")
    assert all((topic.name in _elsewhere()) is (not topic.compacted) or topic.name.endswith("checkpoints.v1")
               for topic in TOPICS)  # fmt: skip
