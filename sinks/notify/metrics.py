"""Metrics of the process that notifies."""

from __future__ import annotations

from collections.abc import Collection

from prometheus_client import CollectorRegistry, Counter, Gauge

from sinks.notify.notice import Kind

OUTCOMES = ("delivered", "failed", "refused")


class Metrics:
    """Labels are names of the settings and words of ours."""

    def __init__(self, registry: CollectorRegistry, channels: Collection[str]) -> None:
        self.messages = Counter(
            "synchealth_notify_messages_total",
            "Attempts to deliver a message, by channel, kind and outcome.",
            ["channel", "kind", "outcome"],
            registry=registry,
        )
        self.failing_since = Gauge(
            "synchealth_notify_channel_failing_since_timestamp_seconds",
            "Since when a channel takes nothing (Unix time); 0 while it does.",
            ["channel"],
            registry=registry,
        )
        self.refused = Gauge(
            "synchealth_notify_messages_refused",
            "Messages that a channel refuses, and that are tried again once an hour.",
            ["channel"],
            registry=registry,
        )
        self.waiting = Gauge(
            "synchealth_notify_findings_waiting",
            "Findings of which something is to be told that may not be told yet, or could not.",
            ["channel"],
            registry=registry,
        )
        self.closings = Gauge(
            "synchealth_notify_closings_waiting",
            "Of those, findings that are over, whose end is not told: it is not certain while a source is not heard.",
            ["channel"],
            registry=registry,
        )
        self.sighted = Gauge(
            "synchealth_notify_sighted",
            "1 while every source is heard and worked off, so that ends are told, else 0.",
            registry=registry,
        )
        for channel in channels:
            for gauge in (self.failing_since, self.refused, self.waiting, self.closings):
                gauge.labels(channel)
            for kind in Kind:
                for outcome in OUTCOMES:
                    self.messages.labels(channel, kind.value, outcome)
