"""Which regular expressions of the event readers found something in the golden samples.

A sample is read in every form in which collectors ship it: whole, the sentence alone, the data alone, and once at the
level of information, for some patterns only look where the level tells nothing.
"""

from __future__ import annotations

import copy
import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import pytest

import producers.eventlog
from producers.eventlog.winlogbeat import winlogbeat_events
from tests.support import event_samples as samples


class Watched:
    """A pattern that remembers whether it ever found anything."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._pattern, self.found = pattern, False

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self._pattern, name)
        if not callable(asked):
            return asked

        def ask(*given: Any, **more: Any) -> Any:
            answer = asked(*given, **more)
            if name == "finditer":
                answer = list(answer)
            nothing = (None, [], given[-1] if name == "sub" else [given[0]])
            self.found |= answer not in nothing
            return iter(answer) if name == "finditer" else answer

        return ask


def patterns_that_find_nothing(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """ "module._NAME" of each compiled pattern of the readers that no sample needs."""
    watched: dict[str, Watched] = {}
    for module in pkgutil.iter_modules(producers.eventlog.__path__):
        loaded = importlib.import_module(f"{producers.eventlog.__name__}.{module.name}")
        for name, value in vars(loaded).copy().items():
            if isinstance(value, re.Pattern):
                watched[f"{module.name}.{name}"] = Watched(value)
                monkeypatch.setattr(loaded, name, watched[f"{module.name}.{name}"])
    for name in samples.names():
        samples.read(name)
    for document in samples.windows_events().values():
        for form in _forms(document):
            winlogbeat_events(form, samples.TENANT, 0)
    return {name for name, pattern in watched.items() if not pattern.found}


def _forms(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for lacking in ("message", "event_data", "level"):
        form = copy.deepcopy(document)
        if lacking == "message":
            form["message"] = ""
        elif lacking == "event_data":
            form["winlog"]["event_data"] = {}
        else:
            form["log"]["level"] = "information"
        yield form
