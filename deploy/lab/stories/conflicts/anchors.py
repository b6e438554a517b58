"""Source anchors and SIDs that two objects carry, and the switch that forbids a takeover."""

from __future__ import annotations

from deploy.lab.stories.cast import Cast, Person
from deploy.lab.stories.story import Step
from streams.contracts.identity import immutable_id_of_bytes, immutable_id_of_guid

_BLOCK_TAKEOVER = "blockCloudObjectTakeoverThroughHardMatchEnabled"


def plots(cast: Cast) -> list[Step]:
    return [*_copied_anchor(cast), *_blocked_takeover(cast), *_reissued_sid(cast)]


def _copied_anchor(cast: Cast) -> list[Step]:
    owner = cast.person()
    raw = owner.store.get(owner.guid).raw("mS-DS-ConsistencyGuid")[0]
    copies: list[Person] = []

    return [
        Step(
            name="copied anchor",
            at_min=14,
            told=f"{owner.name}'s account is copied with its mS-DS-ConsistencyGuid",
            act=lambda: copies.append(cast.hire("Copy Cat", mS_DS_ConsistencyGuid=raw)),
            opens=[cast.about_user("duplicate_source_anchor", immutable_id_of_bytes(raw))],
        ),
        Step(
            name="copied anchor repaired",
            at_min=78,
            told="the copy's mS-DS-ConsistencyGuid is cleared; it gets an anchor of its own",
            act=lambda: copies[0].write(mS_DS_ConsistencyGuid=None),
            repairs=["copied anchor"],
        ),
    ]


def _blocked_takeover(cast: Cast) -> list[Step]:
    # The account exists from the start, outside the synchronised units, so that its anchor is known.
    returning = cast.hire("Rita Retorno")
    returning.store.move(returning.guid, cast.main.layout.service_ou)
    anchor = immutable_id_of_guid(str(returning.guid))
    ou = cast.main.layout.offices["Porto"]

    def act() -> None:
        cast.cloud.set_features(**{_BLOCK_TAKEOVER: True})
        cast.cloud.upsert(
            "user",
            None,
            {
                "userPrincipalName": returning.address,
                "displayName": returning.name,
                "accountEnabled": True,
                "userType": "Member",
                "onPremisesImmutableId": anchor,
                "onPremisesSyncEnabled": False,
            },
        )
        returning.store.move(returning.guid, ou)

    return [
        Step(
            name="hard match blocked",
            at_min=16,
            told=f"{returning.name} comes back into scope while the tenant blocks takeovers by hard match",
            act=act,
            opens=[cast.about_user("hard_match_blocked", anchor)],
        ),
        Step(
            name="hard match blocked repaired",
            at_min=80,
            told="takeovers are allowed again; the next cycle matches",
            act=lambda: cast.cloud.set_features(**{_BLOCK_TAKEOVER: False}),
            repairs=["hard match blocked"],
        ),
    ]


def _reissued_sid(cast: Cast) -> list[Step]:
    owner, hired = cast.person(), []
    sid = owner.store.get(owner.guid).sid or ""

    def act() -> None:
        store = owner.store
        with store.lock:
            following, store.next_rid = store.next_rid, int(sid.rpartition("-")[2])
            hired.append(cast.hire("Dora Duplicada"))
            store.next_rid = following

    def repair() -> None:
        hired[0].store.delete(hired[0].guid)
        cast.hire("Dora Duplicada")

    return [
        Step(
            name="SID given out twice",
            at_min=18,
            told=f"a restored domain controller gives Dora Duplicada the SID of {owner.name}",
            act=act,
            opens=[cast.about_sid("duplicate_sid", sid)],
        ),
        Step(
            name="SID given out twice repaired",
            at_min=82,
            told="Dora Duplicada is created anew, with a SID of her own",
            act=repair,
            repairs=["SID given out twice"],
        ),
    ]
