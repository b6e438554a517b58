"""How far the sources are, from their own metrics: what an operator's Prometheus would see."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.error import URLError
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True, slots=True)
class SourceState:
    """One source: `phase` is starting, reading (with objects read so far) or following; facts published so far."""

    name: str
    phase: str = "starting"
    objects: int = 0
    facts: int = 0


def source_states(ports: Mapping[str, int]) -> list[SourceState]:
    """The state of each producer, by the port of its metrics; one that does not answer is starting."""
    return [_state(name, port) for name, port in ports.items()]


def _state(name: str, port: int) -> SourceState:
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=0.5) as answer:
            text = answer.read().decode()
    except (URLError, OSError, http.client.HTTPException):
        return SourceState(name)
    values: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            values[sample.name] = values.get(sample.name, 0.0) + sample.value
    facts = int(values.get("synchealth_producer_facts_published_total", 0))
    objects = int(values.get("synchealth_producer_full_pass_objects", 0))
    if "synchealth_producer_full_pass_active" not in values:
        return SourceState(name, facts=facts)
    reading = values["synchealth_producer_full_pass_active"] > 0
    return SourceState(name, "reading" if reading else "following", objects, facts)
