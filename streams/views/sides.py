"""A view asks the views of objects that speak in it for what stands on their other side; they answer while it asks.

The answer: {"entra": ids of the cloud objects, "ad_ms": when the AD side changed last, "cloud_managed": true where the
cloud has the say (streams.directory.authority)}. Whether a view asks must not depend on answers, else they take
themselves back.
"""

from __future__ import annotations

from collections.abc import Mapping

from streams.views.view import Derived, Entry

WATCH, ANSWER = "watch/", "link/"
"""How contributors begin: of questions in the view of an object, of its answers in the view that asks."""


def watch(view: str, watcher: str) -> Derived:
    """The question of the view `watcher` to the view of an object."""
    return Derived(view, f"{WATCH}{watcher}", {"watcher": watcher})


def moved(entries: Mapping[str, Entry]) -> frozenset[str]:
    """The views of objects that have answered that the cloud has the say over them."""
    return frozenset(
        name.removeprefix(ANSWER)
        for name, entry in entries.items()
        if name.startswith(ANSWER) and entry.body.get("cloud_managed")
    )
