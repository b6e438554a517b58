"""The pages of one round, each once: a server that leads in circles, or nowhere, is an error and no endless loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streams.contracts.errors import RetriableError

_MOST_EMPTY = 1000
"""Pages without entries in a row. Graph sends some (delta queries, filters), never so many."""
_WAIT_S = 60.0


class Trail:
    """Follows `@odata.nextLink`. Begin a new one for each round."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._read: set[int] = set()
        self._empty = 0

    def after(self, url: str, page: Mapping[str, Any]) -> str | None:
        """The page after `page`, which was read from `url`; None at the end.

        Raises RetriableError if it was read in this round already, or if nothing but empty pages come.
        """
        self._read.add(hash(url))
        link = page.get("@odata.nextLink")
        if not isinstance(link, str):
            return None
        self._empty = 0 if page.get("value") else self._empty + 1
        if hash(link) in self._read or self._empty > _MOST_EMPTY:
            what = "leads back to a page that was read" if hash(link) in self._read else "never ends in empty pages"
            raise RetriableError(f"{self._name}: Graph's list {what}: asking again", retry_after_s=_WAIT_S)
        return link
