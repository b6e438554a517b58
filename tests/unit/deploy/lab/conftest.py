"""Whatever a test has the lab write into an event log must have the form of a golden sample."""

from __future__ import annotations

from tests.support.lab_words import real_words

__all__ = ["real_words"]
