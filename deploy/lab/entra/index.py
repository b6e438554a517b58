"""Find directory objects by the values that sync matching and reads ask for.

Keys are hashes, not strings, which halves the memory at a million objects; whoever looks up
compares the object's real value, so a hash collision costs time and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from deploy.lab.entra.change_log import Entry

INDEXED: Final = frozenset(
    {
        "userPrincipalName",
        "onPremisesImmutableId",
        "onPremisesSecurityIdentifier",
        "deviceId",
        "mail",
        "proxyAddresses",
    }
)


def fold(name: str, value: str) -> str:
    """Bring a value to the form in which Entra compares it.

    Source anchors compare by case; everything else does not. An address without a prefix
    is an SMTP address.
    """
    if name == "onPremisesImmutableId":
        return value
    if name == "proxyAddresses" and ":" not in value:
        value = f"smtp:{value}"
    return value.lower()


def holds(values: Mapping[str, Any], name: str, folded: str) -> bool:
    """Say whether an object's property has this value, folded, as its value or among its values."""
    value = values.get(name)
    if isinstance(value, list):
        return any(isinstance(one, str) and fold(name, one) == folded for one in value)
    return isinstance(value, str) and fold(name, value) == folded


def keys(values: Mapping[str, Any]) -> set[int]:
    """Return the index keys of one object's values."""
    found = set()
    for name in ("userPrincipalName", "onPremisesImmutableId", "onPremisesSecurityIdentifier", "deviceId"):
        if isinstance(value := values.get(name), str):
            found.add(key(name, fold(name, value)))
    for address in values.get("proxyAddresses") or ():
        found.add(key("proxyAddresses", fold("proxyAddresses", address)))
    if mail := values.get("mail"):
        found.add(key("mail", fold("mail", mail)))
    return found


def key(name: str, folded: str) -> int:
    """Mail shares the keys of SMTP addresses: it nearly always is one of them."""
    if name == "mail":
        name, folded = "proxyAddresses", f"smtp:{folded}"
    return hash((name, folded))


class Index:
    """From key to the entries that may hold it: one bare entry, or a list when there are several."""

    def __init__(self) -> None:
        self._entries: dict[int, Entry | list[Entry]] = {}

    def replace(self, entry: Entry, old: Iterable[int], new: Iterable[int]) -> None:
        """Move `entry` from its old keys to its new ones."""
        before, after = set(old), set(new)
        for gone in before - after:
            self._drop(gone, entry)
        for added in after - before:
            self._add(added, entry)

    def candidates(self, name: str, folded: str) -> list[Entry]:
        """Return the entries that may hold the value; the caller compares."""
        found = self._entries.get(key(name, folded))
        if found is None:
            return []
        return list(found) if isinstance(found, list) else [found]

    def _add(self, at: int, entry: Entry) -> None:
        found = self._entries.get(at)
        if found is None:
            self._entries[at] = entry
        elif isinstance(found, list):
            found.append(entry)
        else:
            self._entries[at] = [found, entry]

    def _drop(self, at: int, entry: Entry) -> None:
        found = self._entries.get(at)
        if found is entry:
            del self._entries[at]
        elif isinstance(found, list):
            found.remove(entry)
            if len(found) == 1:
                self._entries[at] = found[0]
