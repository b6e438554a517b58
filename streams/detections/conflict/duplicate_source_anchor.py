"""Two AD objects carry one source anchor: Entra Connect can export only one of them.

Source: Microsoft, "Microsoft Entra Connect: Design concepts" (sourceAnchor must be unique and must not change);
mS-DS-ConsistencyGuid is usually copied along when an account is copied or migrated. Of groups and computers the anchor
is the objectGUID, of which two forests have the same where one is a copy of the other (a cloned machine, a restored
laboratory); a computer takes part once it has a certificate of its own ("Understanding Microsoft Entra Connect
1.4.xx.x and device disappearance").
"""

from __future__ import annotations

from collections.abc import Iterator

from streams.contracts.finding import Holder, Severity
from streams.contracts.identity import immutable_id_of_guid
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.gates import several
from streams.directory.party import Party
from streams.views.device.device_view import DeviceView
from streams.views.identity.object_view import GroupView, UserView

DETECTION = Detection(
    id="conflict.duplicate_source_anchor",
    views=(UserView, GroupView, DeviceView),
    title="Duplicate source anchor",
    severity=Severity.CRITICAL,
    remediation=(
        "Find out which account owns the anchor: the one whose Entra object was matched first, usually the one "
        "whose objectGUID equals its mS-DS-ConsistencyGuid. Clear mS-DS-ConsistencyGuid on the copy before the "
        "next synchronisation; never on the account that is already synchronised. Where the objects are of several "
        "forests and have one objectGUID, one forest is a copy of the other: take the copy out of the scope of "
        "synchronisation."
    ),
    references=("https://learn.microsoft.com/entra/identity/hybrid/connect/plan-connect-design-concepts",),
    false_positives=("An account in the middle of a migration between forests, with the old one still in scope.",),
    only_if=several,
)


_KINDS = {"user": "users", "group": "groups", "device": "computers"}


def evaluate(view: UserView | GroupView | DeviceView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while two objects in scope stand under one anchor."""
    parties = _in_question(view, now_ms)
    if len(parties) < 2 or _are_one_person([party for party, _ in parties]):
        return None
    first = parties[0][0]
    kind, anchor = _KINDS[first.kind], first.source_anchor or immutable_id_of_guid(first.id)
    forests = sorted({party.forest or "" for party, _ in parties})
    names = ", ".join(party.name for party, _ in parties)
    return Verdict(
        summary=f"{len(parties)} {kind} carry the source anchor {anchor}: {names}"
        + (f" (forests {', '.join(forests)})" if len(forests) > 1 else ""),
        since_ms=sorted(changed_ms for _, changed_ms in parties)[1],
        subject=first.subject(view.key),
        forest=first.forest,
        evidence={"source_anchor": anchor, kind: len(parties), "forests": forests},
        counterparts=tuple(_holders(view)),
        explains_in=() if isinstance(view, DeviceView) else view.references(),
    )


def _in_question(view: UserView | GroupView | DeviceView, now_ms: int) -> list[tuple[Party, int]]:
    """The objects in scope that have the anchor, and when each changed (ms)."""
    if isinstance(view, DeviceView):
        computers = [each for each in (view.computer, *view.namesakes) if each is not None and each.party.in_scope]
        ready = [each for each in computers if (own := each.join_certificate) is not None and own.covers(now_ms)]
        return [(each.party, each.changed_ms) for each in ready]
    sides = [(side.party, side.changed_ms) for side in view.in_scope]
    if isinstance(view, GroupView):  # which stands under its SID: of another GUID it is another group
        return [each for each in sides if sum(other.id == each[0].id for other, _ in sides) > 1]
    return sides


def _are_one_person(parties: list[Party]) -> bool:
    """Whether Entra Connect joins them all: then the anchor is the active account's."""
    return all(party.is_one_person_with(parties[0]) for party in parties[1:])


def _holders(view: UserView | GroupView | DeviceView) -> Iterator[Holder]:
    computers = [view.computer, *view.namesakes] if isinstance(view, DeviceView) else []
    sides = [*view.devices] if isinstance(view, DeviceView) else [*view.ad, *view.entra]
    for party in [*(each.party for each in computers if each is not None), *(side.party for side in sides)]:
        if party.side == "entra":
            yield party.holder("matched", ("deviceId" if party.kind == "device" else "onPremisesImmutableId",))
        else:
            attribute = "mS-DS-ConsistencyGuid" if party.kind == "user" else "objectGUID"
            yield party.holder("carries_anchor", (attribute,) if party.in_scope else ())
