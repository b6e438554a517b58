"""IdFix's duplicate rules and what they propose to do. Source: idfix.md section 6."""

from __future__ import annotations

from collections.abc import Callable

from streams.hygiene.faults import Action
from streams.hygiene.idfix.mail_format import has_smtp
from streams.hygiene.idfix.steps import source_of
from streams.hygiene.objects import DirectoryObject
from streams.hygiene.rules import Claim, UniqueRule
from streams.hygiene.text import linguistic_key

_COMPLETE_IF_PRESENT = {
    "userPrincipalName": "mailNickname",
    "mail": "mailNickname",
    "sAMAccountName": "mailNickname",
    "mailNickname": "homeMDB",
}


def duplicate(
    rule: str,
    attribute: str,
    applies: Callable[[DirectoryObject], bool] | None = None,
) -> UniqueRule:
    """The same text in the same attribute of another object, ignoring case; a prefix is part of the text."""

    def claim(value: str) -> Claim:
        return attribute, value.lower() if value.isascii() else linguistic_key(value)

    def action(value: str, subject: DirectoryObject) -> Action:
        return _action(attribute, value, subject)

    return UniqueRule(rule, attribute, source_of(rule), claim, applies, action)


def _action(attribute: str, value: str, subject: DirectoryObject) -> Action:
    # always against the first stored value, so for proxyAddresses right only for that one (a bug that is kept)
    if value != subject.first(attribute):
        return Action.EDIT
    if attribute == "proxyAddresses":
        if not has_smtp(value):
            return Action.EDIT
        if not subject.attributes.get("mailNickname"):
            return Action.REMOVE
        return Action.COMPLETE if value.lower().startswith("smtp:") else Action.EDIT
    decider = _COMPLETE_IF_PRESENT.get(attribute)
    return Action.COMPLETE if decider and subject.attributes.get(decider) else Action.EDIT
