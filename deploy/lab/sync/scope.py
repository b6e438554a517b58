"""Which objects of a forest are exported at all.

Source: Microsoft, "Microsoft Entra Connect Sync: Understanding the default configuration" (out-of-box scoping rules);
organizational-unit filtering as the wizard offers it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from deploy.lab.sync.objects import AdObject

_REFUSED_ACCOUNTS = ("aad_", "msol_", "support_388945a0")
_LINKED_MAILBOX = 2  # has no anchor: its account stands for it
_REFUSED_RECIPIENTS = 0x21C07000  # msExchRecipientTypeDetails of system mailboxes


@dataclass(frozen=True, slots=True)
class Scope:
    """The organizational units in and out, as DNs; no `include` means the whole forest. The longest match decides.

    groups: DNs of the groups whose direct members alone are exported; none: everybody.
    """

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    groups: Sequence[str] = ()

    def covers(self, distinguished_name: str) -> bool:
        """Whether an object of this name stands in a selected organizational unit."""
        included = _longest(distinguished_name, self.include) if self.include else 0
        return included > _longest(distinguished_name, self.exclude)


    def members(self, present: Iterable[AdObject]) -> frozenset[str] | None:
        """objectGUIDs of whom these groups hold, not through a group in between; None where no group decides.

        Source: Microsoft, "Customize an installation of Microsoft Entra Connect", sync filtering based on groups.
        """
        if not self.groups:
            return None
        named = {group.lower() for group in self.groups}
        return frozenset(
            member
            for found in present
            if found.kind == "group" and found.distinguished_name.lower() in named
            for member in found.members
        )


def in_scope(found: AdObject, scope: Scope) -> bool:
    """Whether the engine exports `found`: a selected unit, and none of the default filters speaks against it."""
    return scope.covers(found.distinguished_name) and not _filtered(found)


def _filtered(found: AdObject) -> bool:
    account = (found.text("sAMAccountName") or "").lower()
    nickname = (found.text("mailNickname") or "").lower()
    if found.attributes.get("isCriticalSystemObject") is True or "\\0ACNF:" in found.distinguished_name.upper():
        return True
    if (found.text("adminDescription") or "").lower().startswith(("user_", "group_", "contact_")):
        return True  # written by Cloud Sync: the cloud masters it
    if nickname.startswith(("systemmailbox{", "cas_{")) or (account.startswith("cas_") and "}" in account):
        return True
    if found.kind == "contact":
        return not (found.text("mail") or found.values("proxyAddresses") or nickname)
    return (
        not account
        or account.startswith(_REFUSED_ACCOUNTS)
        or bool(found.number("msExchRecipientTypeDetails") & _REFUSED_RECIPIENTS)
        or (found.kind == "user" and found.number("msExchRecipientTypeDetails") == _LINKED_MAILBOX)
    )


def _longest(distinguished_name: str, units: Sequence[str]) -> int:
    """The length of the longest unit that holds the name; -1 where none does."""
    name = distinguished_name.lower()
    return max((len(unit) for unit in units if name == unit.lower() or name.endswith("," + unit.lower())), default=-1)
