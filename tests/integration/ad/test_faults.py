"""What goes wrong around a domain controller: it goes away, it refuses, it sends garbage."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from deploy.lab.directory.limits import Limits
from producers.ad import passes
from producers.ad.attributes import Watched
from producers.ad.ldap import searches as lookups
from producers.ad.ldap.wire import Entry
from streams.contracts.errors import FatalError, RetriableError
from streams.contracts.facts import Operation
from streams.contracts.identity import sid_of_bytes
from tests.integration.ad.conftest import Reading, lab_dc
from tests.support.samba import SambaDC, samba_dc

pytestmark = pytest.mark.samba

Make = Callable[..., Reading]


def test_a_server_that_goes_away_and_returns_loses_nothing(own_directory: SambaDC, reading: Make) -> None:
    source = reading(own_directory)
    source.drain()
    own_directory.add_user("while.connected")
    own_directory.stop()
    with pytest.raises(RetriableError, match=own_directory.host):
        source.drain()
    with pytest.raises(RetriableError, match="cannot be reached"):
        source.drain()
    own_directory.start()
    own_directory.add_user("while.away")
    names = {fact.attributes["sAMAccountName"] for fact in source.drain()}
    assert names == {"while.connected", "while.away"}


def test_waiting_ends_when_the_server_goes_away(own_directory: SambaDC, reading: Make) -> None:
    source = reading(own_directory)
    source.drain()
    own_directory.stop()
    source.source.wait(60)
    with pytest.raises(RetriableError):
        source.drain()


def test_the_next_server_takes_over_with_the_same_cookie(own_directory: SambaDC, reading: Make) -> None:
    source = reading(own_directory, servers=["ldaps://127.0.0.1:1", own_directory.ldaps_url])
    source.drain()
    own_directory.add_user("failed.over")
    assert [fact.op for fact in source.drain()] == [Operation.CREATED]


def test_start_tls_is_used_on_the_plain_port(directory: SambaDC, reading: Make) -> None:
    source = reading(directory, servers=[f"ldap://{directory.host}:{directory.ldap_port}"])
    assert len(source.drain()) > 10


def test_a_wrong_password_is_fatal_and_says_what_to_do(directory: SambaDC, reading: Make) -> None:
    with pytest.raises(FatalError, match="bind_password") as raised:
        reading(directory, bind_password="Wr0ng!secret").drain()
    assert "Wr0ng!secret" not in str(raised.value)


def test_a_wrong_password_is_tried_once_not_on_every_server(own_directory: SambaDC, reading: Make) -> None:
    url = own_directory.ldaps_url
    source = reading(own_directory, bind_password="Wr0ng!", servers=[url, url, url])
    with pytest.raises(FatalError) as raised:
        source.drain()
    assert str(raised.value).count("bind as") == 1


def test_an_untrusted_certificate_is_fatal(directory: SambaDC, reading: Make) -> None:
    with pytest.raises(FatalError, match="ca_file"):
        reading(directory, ca_file=None).drain()


def test_a_certificate_for_other_names_is_fatal_unless_they_are_valid(tmp_path: Path, reading: Make) -> None:
    with lab_dc(tmp_path) as lab:
        elsewhere = [lab.ldaps_url.replace(lab.host, "localhost")]
        with pytest.raises(FatalError, match="valid_names"):
            reading(lab, servers=elsewhere).drain()
        with pytest.raises(FatalError, match="valid_names"):
            reading(lab, servers=elsewhere, valid_names=["dc2.corp.contoso.local"]).drain()
        assert reading(lab, servers=elsewhere, valid_names=["dc1.corp.contoso.local"]).drain()


def test_the_certificate_may_carry_a_valid_name(directory: SambaDC, reading: Make) -> None:
    assert reading(directory, valid_names=["DC1.corp.contoso.local"]).drain()


def test_a_missing_right_is_fatal_and_names_the_grant(own_directory: SambaDC, reading: Make) -> None:
    user = plain_user(own_directory)
    with pytest.raises(FatalError, match="Replicating Directory Changes"):
        reading(own_directory, **user).drain()


def test_object_security_needs_no_right(own_directory: SambaDC, reading: Make) -> None:
    user = plain_user(own_directory)
    source = reading(own_directory, **user, object_security=True)
    source.drain()
    own_directory.add_user("seen.by.all")
    assert [fact.op for fact in source.drain()] == [Operation.CREATED]


def test_an_account_that_is_blind_to_deletions_says_so(own_directory: SambaDC, reading: Make) -> None:
    dn = own_directory.add_user("vanishing")
    object_id = str(uuid.UUID(bytes_le=own_directory.guid(dn)))
    source = reading(own_directory, **plain_user(own_directory), object_security=True)
    source.drain()
    own_directory.delete(dn)
    assert source.drain() == []
    before = unconfirmed(source)
    next(iter(source.source._contexts.values())).position.swept_ms = 0
    with capture_logs() as logs:
        facts = source.drain()
    assert not [fact for fact in facts if fact.object_id == object_id]
    assert any("Deleted Objects" in str(line.get("remedy")) and line["log_level"] == "error" for line in logs)
    assert unconfirmed(source) == before + 1


def test_samba_hides_tombstones_from_an_account_that_may_only_replicate_and_we_say_so(reading: Make) -> None:
    """Measured on Samba 4.17: DirSync works for it, and deletions never come. Nothing may be made up of that."""
    with samba_dc() as dc:
        user = plain_user(dc)
        dn = f"CN=plain.reader,CN=Users,{dc.base_dn}"
        dc.connection.search(dn, "(objectClass=*)", "BASE", attributes=["objectSid"])
        dc.grant_replicating_directory_changes(
            sid_of_bytes(dc.connection.response[0]["raw_attributes"]["objectSid"][0])
        )
        victim = dc.add_user("hidden.death")
        source = reading(dc, **user)
        source.drain()
        dc.delete(victim)
        assert source.drain() == []
        before = unconfirmed(source)
        next(iter(source.source._contexts.values())).position.swept_ms = 0
        assert source.drain() == []
        assert unconfirmed(source) == before + 1


def test_an_entry_without_object_guid_is_a_dead_letter(
    directory: SambaDC, reading: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = reading(directory)
    source.drain()
    directory.add_user("garbled.one")
    directory.add_user("sound.one")
    read = passes.read_change

    def garbled(entry: Entry, watched: Watched) -> object:
        if "garbled" in entry.dn:
            return read(Entry("CN=garbled.one", {"mail": [b"\xff\xfe"]}), watched)
        return read(entry, watched)

    monkeypatch.setattr(passes, "read_change", garbled)
    facts = source.drain()
    assert [fact.attributes["sAMAccountName"] for fact in facts] == ["sound.one"]
    letter = source.rejected[0]
    assert (letter.reason, letter.stage) == ("object_guid", "source")
    assert orjson.loads(base64.b64decode(letter.original))["dn"].endswith(
        "CN=garbled.one,CN=Users," + directory.base_dn
    )


def test_an_unknown_naming_context_is_fatal(directory: SambaDC, reading: Make) -> None:
    with pytest.raises(FatalError, match="DC=elsewhere"):
        reading(directory, naming_contexts=["DC=elsewhere"]).drain()


def test_a_connection_cut_in_the_middle_of_a_pass_is_taken_up_again(tmp_path: Path, reading: Make) -> None:
    with lab_dc(tmp_path, limits=Limits(dirsync_objects=10)) as lab:
        for number in range(40):
            lab.add_user(f"cut{number}")
        source = reading(lab)
        assert lab.running is not None
        for _ in range(3):
            source.step()
        lab.running.drop_connections()
        with pytest.raises(RetriableError):
            source.drain()
        source.drain()
        ids = [fact.object_id for fact in source.facts]
        assert len({fact.attributes["name"] for fact in source.facts} & {f"cut{number}" for number in range(40)}) == 40
        assert len(ids) < len(set(ids)) + 20, "the pass went on where it was, not from the start"


def test_a_connection_lost_in_follow_up_reads_loses_nothing(
    tmp_path: Path, reading: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lab_dc(tmp_path) as lab:
        users = [lab.add_user(f"second{number}") for number in range(4)]
        source = reading(lab)
        source.drain()
        wanted = {str(uuid.UUID(bytes_le=lab.guid(dn))) for dn in users}
        context = next(iter(source.source._contexts.values()))
        for object_id in wanted:
            context.published.discard(object_id)
        for dn in users:
            lab.modify(dn, {"mail": "second@contoso.com"})
        whole, cut = lookups.read_whole, iter([True])

        def cut_once(*arguments: Any) -> Iterator[Entry]:
            for number, entry in enumerate(whole(*arguments)):
                if number == 2 and next(cut, False):
                    raise RetriableError("the connection was lost")
                yield entry

        monkeypatch.setattr(lookups, "read_whole", cut_once)
        before = len(source.facts)
        with pytest.raises(RetriableError):
            source.drain()
        source.drain()
        assert {fact.object_id for fact in source.facts[before:] if fact.full} == wanted


def test_a_group_split_over_responses_comes_together(tmp_path: Path, reading: Make) -> None:
    with lab_dc(tmp_path, limits=Limits(dirsync_link_values=7, max_val_range=5, max_page_size=10)) as lab:
        members = [lab.add_user(f"m{number}") for number in range(30)]
        group = f"CN=big,CN=Users,{lab.base_dn}"
        lab.add(group, "group", {"sAMAccountName": "big", "member": members})
        source = reading(lab)
        group_id = str(uuid.UUID(bytes_le=lab.guid(group)))
        links = [fact.links["member"] for fact in source.drain() if fact.object_id == group_id and fact.links]
        assert [change.complete for change in links] == [True] + [False] * (len(links) - 1)
        assert len({link.id for change in links for link in change.added}) == 30
        # read whole, by ranges
        context = next(iter(source.source._contexts.values()))
        context.published.discard(group_id)
        lab.modify(group, {"displayName": "Big"})
        whole = source.drain()[-1]
        assert whole.full
        assert len(whole.links["member"].added) == 30


def unconfirmed(source: Reading) -> float:
    """The metric, over all sources of this process that had this name."""
    labels = {"source": source.source.origin.name}
    return REGISTRY.get_sample_value("synchealth_producer_ad_unconfirmed_deletions", labels) or 0.0


def plain_user(dc: SambaDC) -> dict[str, str]:
    """An account without any special right, as forest settings."""
    dn = dc.add_user("plain.reader")
    dc.set_password(dn, "Pl4in!reader")
    dc.enable(dn)
    return {"bind_user": f"plain.reader@{dc.realm}", "bind_password": "Pl4in!reader"}
