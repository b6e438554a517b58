"""One id in two worlds: a cloned machine or a restored laboratory brings a GUID of one forest into another."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from streams.contracts.codec import decode, encode
from streams.contracts.events import Event, Log, Result
from streams.contracts.facts import Fact, Link, LinkChange, ObjectKind, Operation, Origin
from streams.contracts.identity import finding_id, immutable_id_of_guid
from streams.contracts.views import RETRACTED, Contribution
from streams.directory.event_slots import EXPORT_ERROR
from streams.directory.object_row import load_objects, state_key
from streams.directory.scope import Scope
from streams.evaluation.view_row import ViewRow, load_view
from tests.support.cases import AD2, START_MS, guid_of, sid_of
from tests.support.pipeline import AD, ENTRA, TENANT, Pipeline
from tests.support.words import said_in

ANN = guid_of("ann")
ANCHOR = immutable_id_of_guid(ANN)
OTHER = "99999999-2222-3333-4444-555555555555"
DUPLICATE = "conflict.duplicate_source_anchor"


class _Bench(Pipeline):
    def __init__(self, **scopes: Scope) -> None:
        super().__init__(scopes)
        self.number = 0

    def say(self, origin: Origin, op: str, name: str = "ann", *, seq: int | None = None, **said: Any) -> None:
        self.number += 1
        at_ms = START_MS + self.number
        fact = Fact(op=Operation(op), object_id=guid_of(name), seq=seq or self.number, ts_ms=at_ms, **said)
        self.feed(origin, [fact], now_ms=at_ms)

    def user(self, origin: Origin, name: str = "ann", **attributes: Any) -> None:
        whole = {
            "sAMAccountName": name, "userPrincipalName": f"{name}@{origin.forest}.com", "objectSid": sid_of(name),
            "distinguishedName": f"CN={name},DC={origin.forest}", **attributes,
        }  # fmt: skip
        self.say(origin, "r", name, kind=ObjectKind.USER, full=True, attributes=whole)

    def group(self, origin: Origin, *members: str, name: str = "staff") -> None:
        links = {"member": LinkChange([Link(guid_of(each), sid_of(each)) for each in members], complete=True)}
        attributes = {"sAMAccountName": name, "objectSid": sid_of(name), "distinguishedName": f"CN={name},DC=x"}
        self.say(origin, "r", name, kind=ObjectKind.GROUP, full=True, attributes=attributes, links=links)

    def objects(self, name: str = "ann") -> dict[str | None, Any]:
        return {each.forest: each for each in load_objects(self.object_rows.get(state_key(guid_of(name))))}

    def told(self, view: str) -> list[str]:
        row = load_view(view, self.view_rows)
        return sorted(name for name, word in row.entries.items() if word[2] != RETRACTED)


def test_neither_takes_the_others_attributes_nor_its_death() -> None:
    bench = _Bench()
    bench.user(AD, mail="ann@contoso.com")
    bench.user(AD2, displayName="Ann of the laboratory")
    bench.say(AD2, "d")

    ours, theirs = bench.objects()["corp"], bench.objects()["fabrikam"]
    assert (ours.alive, theirs.alive) == (True, False)
    assert "displayName" not in ours.attributes
    assert "mail" not in theirs.attributes
    assert bench.told(f"address/{TENANT}/ann@contoso.com") == [f"ad/{ANN}@corp"]


def test_two_forests_with_one_guid_are_one_anchor_and_told_with_both_names() -> None:
    bench = _Bench()
    bench.user(AD)
    bench.user(AD2)
    found = bench.open()[finding_id(DUPLICATE, f"user/{TENANT}/{ANCHOR}")]
    assert found.evidence["forests"] == ["corp", "fabrikam"]
    assert {(each.forest, each.id) for each in found.counterparts} == {("corp", ANN), ("fabrikam", ANN)}
    assert "corp, fabrikam" in found.summary


def test_a_copy_that_is_out_of_scope_hides_nothing() -> None:
    """The reference view has two principals of one SID, and the group two members; the one in scope counts."""
    bench = _Bench(corp=Scope(exclude_ous=["OU=Out,DC=corp"]), fabrikam=Scope(include_ous=["OU=Nothing"]))
    bench.user(AD, distinguishedName="CN=ann,OU=In,DC=corp")
    bench.group(AD, "ann")
    bench.user(AD2)
    assert not [each for each in bench.open().values() if each.detection == DUPLICATE]
    key = f"reference/{TENANT}/{sid_of('ann')}"
    view = load_view(key, bench.view_rows).view(key)
    assert [each.forest for each in view.ad] == ["corp", "fabrikam"]  # type: ignore[union-attr]
    assert view.principal.forest == "corp"  # type: ignore[union-attr]


def test_who_is_restored_in_one_forest_keeps_the_groups_of_the_other() -> None:
    """Numbers of two sources do not compare: the laboratory's are far ahead here."""
    bench = _Bench()
    bench.user(AD)
    bench.group(AD, "ann")
    bench.user(AD2)
    bench.say(AD2, "d", seq=1 << 40)
    bench.say(AD2, "restore", seq=(1 << 40) + 1)
    key = f"reference/{TENANT}/{sid_of('ann')}"
    view = load_view(key, bench.view_rows).view(key)
    assert [each.party.forest for each in view.referrers] == ["corp"]  # type: ignore[union-attr]


def _referrers(bench: _Bench, name: str = "ann") -> list[str | None]:
    key = f"reference/{TENANT}/{sid_of(name)}"
    view = load_view(key, bench.view_rows).view(key)
    return [each.party.forest for each in view.referrers]  # type: ignore[union-attr]


def test_a_reference_leads_to_no_clone_of_the_dead() -> None:
    """Nobody tells a group that its member was deleted; the laboratory has a living one of the same SID."""
    bench = _Bench()
    for origin in (AD, AD2):
        bench.user(origin)
        bench.group(origin, "ann")
    assert _referrers(bench) == ["corp", "fabrikam"]
    bench.say(AD, "d")
    assert _referrers(bench) == ["fabrikam"]
    bench.say(AD, "restore")
    assert _referrers(bench) == ["fabrikam"], "memberships do not come back"
    bench.say(AD, "d")
    assert _referrers(bench) == ["fabrikam"], "dead again, it still was restored"
    bench.say(AD, "restore")
    bench.group(AD, "ann")
    assert _referrers(bench) == ["corp", "fabrikam"]


def test_a_reference_crosses_to_another_forest_where_its_own_never_had_one() -> None:
    """As members from another forest do, who stand there as foreign principals."""
    bench = _Bench()
    bench.group(AD, "ann")
    bench.user(AD2)
    assert _referrers(bench) == ["corp"]
    bench.say(AD2, "d")
    bench.user(AD)
    assert _referrers(bench) == ["corp"]


def test_who_is_forgotten_leaves_nothing_in_the_view_of_its_sid() -> None:
    bench = _Bench()
    bench.user(AD)
    bench.say(AD, "d")
    key = f"reference/{TENANT}/{sid_of('ann')}"
    assert bench.told(key) == [f"ad/{ANN}@corp"]
    assert "party" not in said_in(load_view(key, bench.view_rows).entries[f"ad/{ANN}@corp"][2])
    bench.tick(START_MS + 181 * 86_400_000)
    assert bench.forget(180 * 86_400_000) == [ANN]
    assert bench.told(key) == []


def test_links_of_namesakes_stand_in_rows_of_their_own() -> None:
    bench = _Bench()
    bench.group(AD, "ann", "bob")
    bench.group(AD2, "ann")
    bench.group(AD2)
    counts = {forest: sum(state.member_counts.values()) for forest, state in bench.objects("staff").items()}
    assert counts == {"corp": 2, "fabrikam": 0}
    assert bench.told(f"reference/{TENANT}/{sid_of('bob')}") == [f"member/{guid_of('staff')}@corp"]


def _refused(at_ms: int = START_MS) -> Event:
    return Event(
        id=f"e{at_ms}", log=Log.WINDOWS, name=EXPORT_ERROR, tenant=TENANT, ts_ms=at_ms, seen_ms=at_ms, server="sync01",
        source_anchor=ANCHOR, result=Result.FAILURE,
    )  # fmt: skip


def test_a_log_that_knows_no_forest_speaks_of_every_object_of_that_id_whenever_it_comes() -> None:
    first, last = _Bench(), _Bench()
    first.log([_refused()], now_ms=START_MS)
    for bench in (first, last):
        bench.user(AD)
        bench.user(AD2)
    last.log([_refused()], now_ms=START_MS + 9)
    for bench in (first, last):
        assert {forest: [*state.events] for forest, state in bench.objects().items()} == {
            "corp": ["latest/adsync/6941"], "fabrikam": ["latest/adsync/6941"],
        }  # fmt: skip


def test_one_id_in_two_tenants_is_two_objects() -> None:
    theirs = Origin(name=f"entra/{OTHER}", side="entra", tenant=OTHER)
    bench = _Bench()
    for origin in (ENTRA, theirs):
        upn = f"ann@{origin.tenant[:4]}.com"
        bench.say(origin, "r", kind=ObjectKind.USER, full=True, attributes={"userPrincipalName": upn})
    bench.say(theirs, "d")
    [ours, gone] = load_objects(bench.object_rows.get(state_key(ANN)))
    assert (ours.alive, gone.alive) == (True, False)
    assert bench.told(f"address/{TENANT}/ann@1111.com") == [f"entra/{ANN}"]
    assert bench.told(f"address/{OTHER}/ann@9999.com") == []


def _join(at_ms: int, domain: str | None, failed: bool = True) -> Event:
    return Event(
        id=f"{domain}/{at_ms}", log=Log.WINDOWS, name="user device registration/304", tenant=TENANT, ts_ms=at_ms,
        seen_ms=at_ms, server="pc1", domain=domain, result=Result.FAILURE if failed else Result.SUCCESS,
    )  # fmt: skip


def test_what_one_computer_logs_is_not_told_of_its_namesake_in_another_domain() -> None:
    bench = _Bench()
    for origin, name in ((AD, "ours"), (AD2, "theirs")):
        attributes = {"name": "PC1", "distinguishedName": f"CN=PC1,OU=PCs, DC={origin.forest},DC=Local"}
        bench.say(origin, "c", name, kind=ObjectKind.DEVICE, full=True, attributes=attributes)

    def heard(name: str) -> list[str]:
        row = load_view(f"device/{TENANT}/{guid_of(name)}", bench.view_rows)
        told = [said_in(word[2]) for key, word in row.entries.items() if not key.startswith("ad/")]
        return [said["id"] for said in told if said is not None]

    bench.log([_join(START_MS + 50, "corp.local"), _join(START_MS + 60, "fabrikam.local")], now_ms=START_MS + 100)
    assert heard("ours") == [f"corp.local/{START_MS + 50}"]
    assert heard("theirs") == [f"fabrikam.local/{START_MS + 60}"]
    bench.log([_join(START_MS + 70, "nowhere.example")], now_ms=START_MS + 100)
    assert heard("ours") + heard("theirs") == [f"corp.local/{START_MS + 50}", f"fabrikam.local/{START_MS + 60}"]


def test_a_computer_alone_of_its_name_hears_its_log_whatever_its_dns_suffix() -> None:
    bench = _Bench()
    attributes = {"name": "PC1", "distinguishedName": "CN=PC1,DC=corp,DC=local"}
    bench.say(AD, "c", "ours", kind=ObjectKind.DEVICE, full=True, attributes=attributes)
    bench.log([_join(START_MS + 50, "disjoint.example")], now_ms=START_MS + 100)
    row = load_view(f"device/{TENANT}/{guid_of('ours')}", bench.view_rows)
    assert [key for key in row.entries if not key.startswith("ad/")]


# As versions stored them that told AD objects by their GUID alone.
OLD_OBJECT = (
    b'{"object_id":"f05acd7b-15d6-5e2b-8431-58abb673d1dd","side":"ad","tenant":"11111111-2222-3333-4444-555555555555",'
    b'"forest":"corp","kind":"group","kind_seq":1,"attributes":{"sAMAccountName":"ann","displayName":"Staff",'
    b'"objectSid":"S-1-5-21-1-2-3-67517","distinguishedName":"CN=ann,DC=corp"},"base":1,"life_seq":1,"seq":1,'
    b'"changed_ms":1790000000001,"first_ms":1790000000001,"link_buckets":["51"],"member_counts":{"51":1},'
    b'"links_base":{"member":1,"*":1},"has_members":true,"members_seq":1}'
)
OLD_LINKS = (
    b'{"links":{"member":{"515e93c6-3782-59db-96be-ad5b8cf872a5":[1,true,"S-1-5-21-1-2-3-31109",1790000000001]}}}'
)
OLD_VIEW = (
    b'{"entries":{"member/f05acd7b-15d6-5e2b-8431-58abb673d1dd":[1,1790000000001,{"party":{"side":"ad","kind":"group",'
    b'"id":"f05acd7b-15d6-5e2b-8431-58abb673d1dd","tenant":"11111111-2222-3333-4444-555555555555","distinguished_name":'
    b'"CN=ann,DC=corp","display_name":"Staff","sid":"S-1-5-21-1-2-3-67517","forest":"corp","view":'
    b'"group/11111111-2222-3333-4444-555555555555/S-1-5-21-1-2-3-67517"},"seq":1,"since_ms":1790000000001},0]}}'
)
BOB = f"reference/{TENANT}/S-1-5-21-1-2-3-31109"


def _upgraded() -> _Bench:
    bench = _Bench()
    bench.number = 10
    bench.object_rows.put(f"object/{ANN}", OLD_OBJECT)
    bench.object_rows.put(f"link/{ANN}/51", OLD_LINKS)
    bench.view_rows.put(BOB, OLD_VIEW)
    return bench


def test_rows_of_older_versions_are_the_objects_of_their_forest() -> None:
    bench = _upgraded()
    assert encode(load_objects(OLD_OBJECT)[0]) == OLD_OBJECT
    bench.say(AD, "u", attributes={"displayName": "Everybody"})
    assert bench.told(BOB) == [f"member/{ANN}@corp"]
    bench.say(AD, "u", links={"member": LinkChange(removed=[Link(guid_of("bob"), sid_of("bob"))])})
    [left] = bench.told(BOB)
    assert "left_ms" in said_in(load_view(BOB, bench.view_rows).entries[left][2])


def test_a_copy_in_another_forest_does_not_take_over_what_older_versions_stored() -> None:
    bench = _upgraded()
    bench.group(AD2, "bob", name="ann")
    assert bench.told(BOB) == [f"member/{ANN}", f"member/{ANN}@fabrikam"]
    assert bench.objects()["corp"].text("displayName") == "Staff"


def test_a_word_of_an_older_version_on_its_way_is_its_forests() -> None:
    row = decode(OLD_VIEW, ViewRow)
    [(name, (_, changed_ms, body, _))] = row.entries.items()
    word = Contribution(view=BOB, contributor=name, seq=5, changed_ms=changed_ms, body=body)
    row.take(replace(word, contributor=f"{name}@corp", seq=6), START_MS)
    row.take(word, START_MS)  # overtaken
    assert [*row.entries] == [f"{name}@corp"]
    assert row.entries[f"{name}@corp"][0] == 6
