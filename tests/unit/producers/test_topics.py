"""What `topics check` refuses: settings that lose what nobody has read, or a record that must be taken."""

from __future__ import annotations

import pytest

from producers.topics import _configuration_faults
from streams.contracts.topics import AD_OBJECTS, VIEWS

GOOD = VIEWS.configuration()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cleanup.policy", "compact"),
        ("retention.ms", "1000"),
        ("retention.bytes", "1048576"),
        ("message.timestamp.type", "CreateTime"),
        ("max.message.bytes", "1048588"),
    ],
)
def test_a_setting_that_loses_records_is_told_with_its_remedy(name: str, value: str) -> None:
    (fault,) = _configuration_faults(VIEWS, {**GOOD, name: value})
    assert f"{name} is {value}, not {GOOD[name]}; run kafka-configs" in fault


def test_more_room_than_needed_is_no_fault() -> None:
    for topic in (VIEWS, AD_OBJECTS):
        assert _configuration_faults(topic, topic.configuration() | {"max.message.bytes": "104857600"}) == []
