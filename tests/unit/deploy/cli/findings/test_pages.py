from __future__ import annotations

import io
from collections import Counter
from typing import Any

import msgspec
import pytest
from rich.console import Console, RenderableType

from deploy.cli.filters import FindingFilter
from deploy.cli.findings.command import all_clear
from deploy.cli.findings.events import events_in_record, names_of
from deploy.cli.findings.page import finding_page
from deploy.cli.findings.source import ExplainedFinding, Findings, objects_of
from deploy.cli.findings.table import findings_table, ordered
from deploy.cli.findings.timeline import difference
from sinks.freshness import Freshness, LastContact, SourceFreshness
from sinks.lag import Lag
from streams.contracts.codec import convert, encode
from streams.contracts.events import Event, EventChunk
from streams.contracts.facts import Fact, Operation, Origin
from streams.contracts.finding import FindingState, Severity
from streams.contracts.identity import immutable_id_of_guid
from streams.contracts.times import age
from tests.support.findings import FOREST, START_MS, TENANT, finding

AD = Origin(name="ad/corp", side="ad", tenant=TENANT, forest=FOREST)
HOUR_MS = 3_600_000


def printed(page: RenderableType, width: int = 100) -> str:
    out = io.StringIO()
    Console(file=out, width=width, highlight=False).print(page)
    return out.getvalue()


def fact(operation: str, minute: int, **attributes: Any) -> tuple[Origin, Fact]:
    at_ms = START_MS + minute * 60_000
    id_ = finding(1).counterparts[0].id
    return AD, Fact(op=Operation(operation), object_id=id_, seq=at_ms, ts_ms=at_ms, attributes=attributes)


def event(minute: int, **said: Any) -> Event:
    at_ms = START_MS + minute * 60_000
    filled = {"id": f"e{minute}", "log": "audit", "name": "x", "tenant": TENANT, "ts_ms": at_ms, "seen_ms": at_ms}
    return convert({**filled, **said}, Event)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "0 s"), (0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (200_000, "2 d")],
)
def test_ages_are_told_in_one_unit(seconds: float, words: str) -> None:
    assert age(seconds) == words


def test_order_is_open_then_severity_then_the_longest_standing() -> None:
    late, early = finding(1, at_ms=START_MS + 1), finding(2, at_ms=START_MS)
    critical = finding(3, severity=Severity.CRITICAL, at_ms=START_MS + 2)
    resolved = finding(4, "resolved", severity=Severity.CRITICAL)

    assert ordered([resolved, late, early, critical]) == [critical, early, late, resolved]


@pytest.mark.parametrize("width", [80, 100, 160])
def test_the_table_has_one_line_per_finding_and_fits(width: int) -> None:
    many = [finding(number, summary="very long words " * 20) for number in range(5)]
    text = printed(findings_table(many, now_ms=START_MS + HOUR_MS, limit=3, width=width), width)
    lines = text.rstrip().splitlines()

    assert all(len(line) <= width for line in lines)
    assert [line.split()[0] for line in lines[1:4]] == ["high"] * 3
    assert all(line.rstrip().endswith(one.id[:8]) for line, one in zip(lines[1:4], many, strict=False))
    assert "5 open (5 high) · 2 not shown" in text


def test_no_findings_is_good_news_in_words() -> None:
    assert "No findings" in printed(findings_table([], now_ms=0, limit=1, width=100))


@pytest.mark.parametrize(("state", "agree"), [("open", False), ("suppressed", False), ("resolved", True)])
def test_directories_agree_only_where_nothing_stands_be_it_explained_by_another(state: str, agree: bool) -> None:
    fresh = Freshness(
        START_MS,
        [SourceFreshness("ad/corp", 15.0, LastContact(START_MS, "streaming", 9))],
        Lag(0, None, committed=True),
    )
    assert all_clear(fresh, Findings({"1": finding(1, state)}), FindingFilter()) is agree


def test_where_to_see_one_whole_is_said_as_the_asker_knows_it() -> None:
    text = printed(findings_table([finding(1)], now_ms=START_MS, limit=9, width=100, more="with --explain"))
    assert "with --explain" in text
    assert "synchealth explain ID" not in text


def test_what_matches_in_another_state_is_counted() -> None:
    others = Counter({FindingState.RESOLVED: 1200, FindingState.SUPPRESSED: 1})
    text = printed(findings_table([], now_ms=0, limit=1, width=100, left_out=others))
    assert "No open findings match; --all shows 1,200 resolved, 1 suppressed." in text


def test_what_is_fetched_from_directories_is_never_markup() -> None:
    evil = finding(1, summary="[red]boom[/red] [/nonsense]")

    assert "[/nonsense]" in printed(findings_table([evil], now_ms=START_MS, limit=9, width=160), 160)
    assert "[/nonsense]" in printed(finding_page(ExplainedFinding(evil, [evil], [], True), title="t", now_ms=START_MS))


@pytest.mark.parametrize("width", [80, 100, 160])
def test_explain_names_both_sides_and_who_loses(width: int) -> None:
    one = finding(1)
    text = printed(
        finding_page(ExplainedFinding(one, [one], [], True), title="Duplicate", now_ms=START_MS + HOUR_MS), width
    )

    for words in (
        "Active Directory user  Ada 1  → keeps it",
        "Entra ID user  Ada 1 (cloud)  → Entra ID has quarantined it here",
        "CN=Ada 1,OU=Staff,DC=corp,DC=contoso,DC=local",
        "proxyAddresses, userPrincipalName",
        "kCwabn1bOE+cIQpL430fVQ==",
        "ada1@contoso.com",
        "open for 60 min",
        one.remediation,
    ):
        assert words in text
    assert all(len(line) <= width for line in text.splitlines())


def test_the_timeline_tells_facts_and_transitions_in_order_of_time() -> None:
    history = [finding(1), finding(1, revision=2, severity=Severity.LOW), finding(1, "resolved", revision=3)]
    facts = [fact("c", -5, userPrincipalName="a@b"), fact("u", 9, proxyAddresses=None, department="R&D")]
    text = printed(
        finding_page(ExplainedFinding(history[-1], history, facts, False), title="t", now_ms=START_MS + HOUR_MS), 160
    )
    steps = [text.index(words) for words in ("ad created", "opened", "updated", "ad changed", "resolved  ")]

    assert steps == sorted(steps)
    assert "proxyAddresses removed" in text
    assert "also department" in text
    assert "Older facts were not looked for" in text


def test_the_timeline_tells_what_logs_say_of_the_objects() -> None:
    one = finding(1)
    cloud = one.counterparts[1]
    export = event(3, entra_id=cloud.id, name="update user", details={"sync_server": "aadc01"}, result="success")
    late = event(4, entra_id=cloud.id, name="update user", details={"sync_server": "aadc01"}, result="failure")
    reset = event(5, entra_id=cloud.id, name="reset password", initiator="help@contoso.com", result="failure",
                  reason="PolicyViolation:\r\n\r\n[bold]too short[/bold]")  # fmt: skip
    windows = event(6, log="windows", name="adsync/6956", server="aadc01", source_anchor="x")
    explained = ExplainedFinding(one, [one], [], True, [windows, reset, late, export], events_are_all=False)
    lines = printed(finding_page(explained, title="t", now_ms=START_MS + HOUR_MS), 160)
    steps = ["exported", "update user: success, by aadc01", "export failed", "entra audit", "reset password: failure",
             "PolicyViolation: [bold]too short[/bold]", "adsync/6956"]  # fmt: skip
    places = [lines.index(words) for words in steps]

    assert places == sorted(places)
    assert "11:09:40" in lines[lines.index("exported") - 40 : lines.index("exported")], "at the minute of the event"
    assert "reset password: failure, by help@contoso.com" in lines
    assert cloud.display_name in lines[places[0] :]
    assert "Older events were not looked for" in lines
    assert "Older facts" not in lines


@pytest.mark.parametrize("operation", list(Operation))
def test_every_kind_of_fact_has_a_word_or_is_told_as_an_event(operation: Operation) -> None:
    one = finding(1)
    told = ExplainedFinding(one, [one], [fact(operation.value, 1, mail="a@b")], True)
    text = printed(finding_page(told, title="t", now_ms=START_MS + HOUR_MS), 160)
    assert ("also mail" in text) is (operation is not Operation.LOGGED)


def test_an_event_is_about_a_finding_by_any_name_of_its_objects() -> None:
    one = finding(1)
    ours, cloud = one.counterparts
    names = names_of(one)

    assert names.mentions(event(1, entra_id=cloud.id))
    assert names.mentions(event(1, object_guid=ours.id))
    assert names.mentions(event(1, source_anchor=ours.source_anchor))
    assert names.mentions(event(1, source_anchor=immutable_id_of_guid(ours.id)))
    assert names.mentions(event(1, user_principal_name=str(ours.user_principal_name).upper()))
    assert not names.mentions(event(1))
    assert not names.mentions(event(1, entra_id=cloud.id, tenant="another"))
    assert not names.mentions(event(1, server="aadc01"))


def test_who_changed_the_engines_configuration_is_told_with_findings_about_the_engine() -> None:
    changed = event(1, log="windows", name="adsync/2510", server="aadc02")
    engine = names_of(msgspec.structs.replace(finding(1), detection="engine.bulk_change"))

    assert engine.mentions(changed)
    assert not engine.mentions(event(1, log="windows", name="adsync/2514", server="aadc02"))
    assert not names_of(finding(1)).mentions(changed)
    assert events_in_record(encode(EventChunk(source="eventlog", events=[changed])), engine.needles()) == [changed]


def test_a_record_is_decoded_only_where_a_name_of_ours_stands() -> None:
    one = finding(1)
    upn = str(one.counterparts[0].user_principal_name)
    record = encode(EventChunk(source="audits", events=[event(1, user_principal_name=upn.upper()), event(2)]))
    needles = names_of(one).needles()

    assert [found.id for found in events_in_record(record, needles)] == ["e1", "e2"]
    assert events_in_record(encode(EventChunk(source="audits", events=[event(2)])), needles) == []
    assert events_in_record(b"{" + upn.encode(), needles) == []
    assert events_in_record(None, needles) == []


def test_an_update_says_what_changed() -> None:
    before = finding(1)
    first, second = before.counterparts
    after = finding(
        1,
        revision=2,
        severity=Severity.LOW,
        evidence={"address": "smtp:x@contoso.com"},
        counterparts=[msgspec.structs.replace(first, role="would_be_quarantined")],
    )

    assert difference(before, after).splitlines() == [
        "severity high → low",
        "address smtp:ada1@contoso.com → smtp:x@contoso.com",
        f"{second.display_name} no longer takes part",
        "Ada 1: keeps → would be quarantined",
    ]
    assert difference(before, finding(1, revision=2)) == "details of the objects changed"


def test_an_opening_that_compaction_took_is_still_in_the_timeline() -> None:
    last = finding(1, "resolved", revision=5)
    text = printed(finding_page(ExplainedFinding(last, [last], [], True), title="t", now_ms=START_MS + HOUR_MS))

    assert text.index(" opened") < text.rindex(" resolved")


def test_the_objects_of_a_finding_are_its_holders_and_its_subject() -> None:
    one = finding(1)

    assert objects_of(one) == {(holder.forest, holder.id) for holder in one.counterparts}


def test_of_two_forests_with_one_guid_each_change_has_its_own_name() -> None:
    one = finding(1)
    ours = one.counterparts[0]
    copy = msgspec.structs.replace(ours, forest="lab.example", display_name="Copied Ann")
    one = msgspec.structs.replace(one, counterparts=[ours, copy])
    origin, said = fact("u", 1, mail="x@contoso.com")
    theirs = msgspec.structs.replace(origin, name="ad/lab.example", forest="lab.example")

    text = printed(
        finding_page(ExplainedFinding(one, [one], [(theirs, said)], True), title="t", now_ms=START_MS + HOUR_MS)
    )

    assert "Copied Ann" in text[text.index("ad changed") :]
