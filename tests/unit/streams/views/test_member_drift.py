"""Memberships on two sides: who speaks, who is built, and what a group hears of it."""

from __future__ import annotations

from typing import Any, cast

from streams.views.link_drift import member_drift_of
from streams.views.membership.member_drift_view import MemberDriftView
from streams.views.membership.membership_view import MembershipView
from streams.views.membership.reference_view import ReferenceView
from streams.views.messages import DriftOfPart, read
from streams.views.view import Derived
from tests.support.words import Word, heard_at, said_in

SID, STAFF, SALES = "S-1-5-21-1-2-3-500", "S-1-5-21-1-2-3-600", "S-1-5-21-1-2-3-700"
KEY = f"reference/t/{SID}"


def _person(side: str, **rest: Any) -> Word:
    party = {"side": side, "kind": "user", "id": f"{side}-1", "tenant": "t", "source_anchor": "a", "sid": SID}
    party |= {"forest": "corp", "display_name": "Ann"} if side == "ad" else {"synced": True}
    return Word(1, {"party": party, "restored_seq": 0, "since_ms": 10, **rest})


def _group(sid: str, since_ms: int = 20, forest: str = "corp", **rest: Any) -> Word:
    party = {"side": "ad", "kind": "group", "id": sid, "tenant": "t", "sid": sid, "forest": forest}
    return Word(1, {"party": party, "seq": 5, "since_ms": since_ms, **rest})


CLOUD = Word(1, {"since_ms": 30})


BOTH = {"ad/1": _person("ad"), "entra/1": _person("entra")}


def _speaks(words: dict[str, Word]) -> bool:
    return ReferenceView.needs_evaluation(heard_at(KEY, words))


def _told(words: dict[str, Word]) -> list[Derived]:
    return [*ReferenceView.build(KEY, heard_at(KEY, words)).derived()]


def _parts(view: str, words: dict[str, Word]) -> list[Derived]:
    return [*MemberDriftView.build(view, heard_at(view, words)).derived()]


def _drifts(entries: dict[str, Word]) -> list[tuple[str, bool, int | None]]:
    """(group, whether the cloud lacks the member, since when)."""
    told = [word for word in _told(entries) if "asker" not in said_in(word.body)]
    return [(word.view.split("/")[2], said_in(word.body)["lacking"], word.absent_since_ms) for word in told]


def test_nobody_is_built_where_both_sides_agree() -> None:
    entries = {**BOTH, "member/g": _group(STAFF), f"cloud/e/{STAFF}": CLOUD}
    assert not _speaks(entries)
    assert _drifts(entries) == []
    assert _speaks({**entries, "member/h": _group(SALES)})
    assert _speaks({**entries, f"cloud/e/{SALES}": CLOUD})
    assert _speaks({"ad/1": _person("ad"), "member/g": _group(STAFF)}), "not in the cloud"
    party = {"side": "ad", "kind": "user", "id": "m", "tenant": "t", "forest": "corp", "view": "user/t/n/ine=="}
    manager = {**BOTH, "manager/m": Word(1, {"party": party, "seq": 1, "since_ms": 20})}
    report = {"report/e/user/t/n/ine==": Word(0, {"since_ms": 5})}
    assert _speaks(manager) and _speaks({**BOTH, **report})
    assert not _speaks({**manager, **report})
    for told, lacking, since_ms in ((manager, True, 20), ({**BOTH, **report}, False, 10)):
        (word,) = _told(told)
        assert (word.view, said_in(word.body)["lacking"], word.absent_since_ms) == ("user/t/n/ine==", lacking, since_ms)
    restored = {**entries, "ad/1": _person("ad", restored_seq=9)}
    assert _speaks(restored), "the group may not count any more"
    assert _drifts(restored) == [(STAFF, False, 30)]


def test_a_membership_on_one_side_only_counts_from_the_latest_of_all_that_must_stand() -> None:
    assert _drifts({**BOTH, "member/g": _group(STAFF)}) == [(STAFF, True, 20)]
    assert _drifts({**BOTH, f"cloud/e/{STAFF}": CLOUD}) == [(STAFF, False, 30)]
    left = Word(1, {"sid": STAFF, "left_ms": 40})
    assert _drifts({**BOTH, "member/g": left, f"cloud/e/{STAFF}": CLOUD}) == [(STAFF, False, 40)]
    assert _drifts({**BOTH, "member/g": _group(STAFF), f"cloud/e/{STAFF}": left}) == [(STAFF, True, 40)]
    late = {**BOTH, "entra/1": _person("entra", since_ms=90), "member/g": _group(STAFF)}
    assert _drifts(late) == [(STAFF, True, 90)]


def test_who_is_not_on_both_sides_is_not_judged() -> None:
    groups = {"member/g": _group(STAFF)}
    assert _drifts({"ad/1": _person("ad"), **groups}) == []
    assert _drifts({"entra/1": _person("entra"), f"cloud/e/{STAFF}": CLOUD}) == []
    assert _drifts({**BOTH, "member/g": _group(STAFF, forest="fabrikam")}) == [], "a foreign principal there"
    twice = {**BOTH, "entra/2": _person("entra"), **groups}
    assert _drifts(twice) == []


def test_a_member_in_the_cloud_translates_its_groups() -> None:
    key = "membership/t/e1"
    entries = {
        "entra/e1": Word(1, {"sid": SID}),
        "members/g1": Word(1, {"sid": STAFF, "since_ms": 3}),
        "members/g2": Word(1, {"sid": SALES, "left_ms": 4}),
    }
    words = {word.contributor: word for word in MembershipView.build(key, heard_at(key, entries)).derived()}
    assert {word.view for word in words.values()} == {KEY}
    assert said_in(words[f"cloud/e1/{STAFF}"].body) == {"since_ms": 3}
    assert said_in(words[f"cloud/e1/{SALES}"].body) == {"left_ms": 4}
    unknown = {name: entry for name, entry in entries.items() if name != "entra/e1"}
    assert not MembershipView.needs_evaluation(heard_at(key, unknown))
    assert not MembershipView.needs_evaluation(heard_at(key, {"entra/e1": entries["entra/e1"]}))
    assert list(MembershipView.build(key, heard_at(key, unknown)).derived()) == []


def test_who_the_cloud_lacks_asks_groups_by_parts_and_others_themselves_who_has_the_say() -> None:
    report = {"side": "ad", "kind": "user", "id": "m", "tenant": "t", "forest": "corp", "view": "user/t/n"}
    said = {"member/g": _group(STAFF), "manager/m": Word(1, {"party": report, "seq": 1, "since_ms": 20})}
    entries = {"ad/1": _person("ad"), **said}
    manager, member = _told(entries)
    assert (manager.view, manager.contributor) == ("user/t/n", f"watch/{KEY}")
    assert member.view.startswith(f"member_drift/t/{STAFF}/")
    assert [word.view for word in _told({**BOTH, **said})] == [member.view, "user/t/n"]
    # The part asks the group once for all, and tells them only that it has moved.
    part = {member.contributor: Word(1, member.body)}
    [question] = _parts(member.view, part)
    assert (question.view, said_in(question.body)) == (f"group/t/{STAFF}", {"watcher": member.view})
    here = {f"link/group/t/{STAFF}": Word(1, {"entra": [], "ad_ms": 1})}
    assert _parts(member.view, part | here) == [question]
    gone = {f"link/group/t/{STAFF}": Word(1, {"entra": [], "ad_ms": 1, "cloud_managed": True})}
    asked, answer = _parts(member.view, part | gone)
    assert (asked, answer.view, said_in(answer.body)) == (question, KEY, {"cloud_managed": True})


def test_ten_thousand_members_are_a_few_short_words_to_their_group() -> None:
    parts: dict[str, dict[str, Word]] = {}
    for number in range(10_000):
        sid = f"S-1-5-21-1-2-3-{number}"
        key = f"reference/t/{sid}"
        person = {**BOTH, "member/g": _group(STAFF, since_ms=number + 100)}
        (word,) = ReferenceView.build(key, heard_at(key, person)).derived()
        parts.setdefault(word.view, {})[word.contributor] = Word(1, word.body)
    assert 200 < len(parts) <= 256
    assert max(map(len, parts.values())) < 100
    told = [word for key, entries in parts.items() for word in _parts(key, entries)]
    assert {word.view for word in told} == {f"group/t/{STAFF}"}
    found = member_drift_of(cast(DriftOfPart, read(word.view, word.contributor, word.body)) for word in told)
    assert found is not None
    assert (found.lacking, found.surplus, found.since_ms) == (10_000, 0, 100)
    assert len(found.named) == 5 * len(parts)
