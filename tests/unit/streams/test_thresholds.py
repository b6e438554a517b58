"""A limit of the rules is the setting of its name, and has its default there."""

from __future__ import annotations

from dataclasses import fields

from streams.detections.detection import DEFAULT_THRESHOLDS, Thresholds
from streams.runtime.settings import DetectionSettings

_NOT_OF_RULES = {"sync_interval_s", "resolved_retention_s"}


def test_every_limit_of_the_settings_reaches_the_rules() -> None:
    settings = {name for name in DetectionSettings.model_fields if name.endswith("_s")} - _NOT_OF_RULES
    assert {limit.name.replace("_ms", "_s") for limit in fields(Thresholds)} == settings
    moved = {name: 40 * 86_400.0 + number for number, name in enumerate(sorted(settings))}
    found = Thresholds.of(DetectionSettings.model_validate(moved))
    assert {name: getattr(found, name.removesuffix("_s") + "_ms") for name in moved} == {
        name: int(value * 1000) for name, value in moved.items()
    }


def test_the_defaults_are_those_of_the_settings() -> None:
    assert DEFAULT_THRESHOLDS.pending_stuck_ms == 86_400_000
    assert DEFAULT_THRESHOLDS.device_stale_ms == 90 * 86_400_000
