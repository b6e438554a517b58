"""The reference view: one security principal, and who in AD points at it (member, manager).

Key: reference/<tenant>/<SID>: the one name that a link's far end, the AD object and the Entra object all know.
Contributors: "ad/<objectGUID>" and "entra/<id>" of the principal itself, "<attribute>/<objectGUID>" of referrers.

Deleting a member in AD is silent for the group, so a referrer's word counts only while the principal lives;
restoring it without the recycle bin does not bring its memberships back, so a link older than the principal's
latest restoration does not count either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from streams.contracts.facts import ObjectKind
from streams.views.party import Party, party_from
from streams.views.state import ObjectState
from streams.views.view import Derived, Entry, latest, tenant_of

KIND = "reference"


@dataclass(frozen=True, slots=True)
class Referrer:
    """An AD object that points here by `attribute`; `seq` of the fact that set the link."""

    party: Party
    attribute: str
    seq: int
    changed_ms: int


@dataclass(frozen=True, slots=True)
class ReferenceView:
    """A principal on both sides, and its referrers."""

    key: str
    tenant: str
    ad: tuple[Party, ...]
    entra: tuple[Party, ...]
    referrers: tuple[Referrer, ...]
    ad_changed_ms: int
    changed_ms: int

    @staticmethod
    def contested(entries: Mapping[str, Entry]) -> bool:
        """Somebody refers to the principal, or its two sides do not name one source anchor."""
        anchors = set()
        for contributor, entry in entries.items():
            if not contributor.startswith(("ad/", "entra/")):
                return True
            anchors.add(entry.body["party"].get("source_anchor"))
        return len(anchors) > 1

    @classmethod
    def build(cls, key: str, entries: Mapping[str, Entry]) -> Self:
        """The view of these contributions."""
        ad: list[Party] = []
        entra: list[Party] = []
        referrers: list[Referrer] = []
        ad_changed_ms = restored_seq = 0
        for contributor, entry in sorted(entries.items()):
            party = party_from(entry.body["party"])
            attribute = contributor.partition("/")[0]
            if attribute == "entra":
                entra.append(party)
            elif attribute == "ad":
                ad.append(party)
                ad_changed_ms = max(ad_changed_ms, entry.changed_ms)
                restored_seq = max(restored_seq, int(entry.body.get("restored_seq", 0)))
            else:
                referrers.append(Referrer(party, attribute, int(entry.body["seq"]), entry.changed_ms))
        referrers = [referrer for referrer in referrers if referrer.seq > restored_seq]
        return cls(key, tenant_of(key), tuple(ad), tuple(entra), tuple(referrers), ad_changed_ms, latest(entries))

    def derived(self) -> Iterable[Derived]:
        """Nothing: others need not know who refers to whom."""
        return ()


def reference_view_key(tenant: str, sid: str) -> str:
    """The key of the reference view of a SID."""
    return f"{KIND}/{tenant}/{sid}"


def own_reference_key(state: ObjectState) -> str | None:
    """The reference view that `state` is the principal of; None for what has no SID or is not synchronised."""
    if state.kind not in (ObjectKind.USER, ObjectKind.GROUP):
        return None
    if state.side == "entra" and state.attributes.get("onPremisesSyncEnabled") is not True:
        return None
    sid = state.text("objectSid" if state.side == "ad" else "onPremisesSecurityIdentifier")
    return reference_view_key(state.tenant, sid) if sid else None
