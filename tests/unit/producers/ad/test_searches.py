"""Searches beside the log, against a connection that answers from a script."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from producers.ad import servers
from producers.ad.deletions import DeletionConfirmer
from producers.ad.facts import Assembler, ReadWhole
from producers.ad.ldap import searches as lookups
from producers.ad.ldap.connection import DirectoryConnection, ServerAddress
from producers.ad.ldap.refusals import BindRefusedError
from producers.ad.ldap.wire import Entry, Result
from producers.ad.root_dse import ServerIdentity
from producers.ad.servers import Servers
from producers.id_set import IdSet
from streams.contracts.errors import FatalError, RetriableError
from streams.contracts.facts import Operation
from streams.runtime.clock import HybridClock
from streams.runtime.settings import ForestSettings

ID = "6e1a2c90-5b7d-4f38-9c21-0a4be37d1f55"
RAW = uuid.UUID(ID).bytes_le
DAY_MS = 86_400_000


class ScriptedSearch(list[Entry]):
    """Stands in for a Search with one page."""

    result = Result(0)


@dataclass
class Scripted:
    """Stands in for a DirectoryConnection: `answer` gets base, filter and attributes."""

    answer: Callable[..., Iterable[Entry]]
    asked: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)
    closed: bool = False

    def read(
        self, base: str, search_filter: str = "", *, attributes: Iterable[str] = (), **_options: Any
    ) -> list[Entry]:
        self.asked.append((base, search_filter, tuple(attributes)))
        return list(self.answer(base, search_filter, tuple(attributes)))

    def search(
        self, base: str, search_filter: str, *, attributes: Iterable[str] = (), **_options: Any
    ) -> ScriptedSearch:
        return ScriptedSearch(self.read(base, search_filter, attributes=attributes))

    def close(self) -> None:
        self.closed = True


def scripted(answer: Callable[..., Iterable[Entry]]) -> DirectoryConnection:
    return cast(DirectoryConnection, Scripted(answer))


def test_guids_are_asked_for_in_bounded_filters() -> None:
    connection = Scripted(lambda *_: [])
    wanted = [str(uuid.uuid4()) for _ in range(120)]
    assert list(lookups.read_fate(cast(DirectoryConnection, connection), "DC=corp", wanted)) == []
    assert [asked[1].count("(objectGUID=") for asked in connection.asked] == [50, 50, 20]


def test_a_guid_filter_escapes_the_bytes_as_the_directory_keeps_them() -> None:
    escaped = "".join(f"\\{byte:02x}" for byte in RAW)
    assert lookups.guid_filter([ID]) == f"(objectGUID={escaped})"


def test_ranged_links_are_read_to_their_end() -> None:
    """As Windows sends them: the plain name without values, and a range of it."""

    def answer(_base: str, _filter: str, attributes: tuple[str, ...]) -> list[Entry]:
        if attributes == ("member;range=2-*",):
            return [Entry("CN=g", {"member": [], "member;range=2-3": [b"CN=c", b"CN=d"]})]
        if attributes == ("member;range=4-*",):
            return [Entry("CN=g", {"member;range=4-*": [b"CN=e"]})]
        return [Entry("CN=g", {"objectGUID": [RAW], "member": [], "member;range=0-1": [b"CN=a", b"CN=b"]})]

    entry = next(lookups.read_whole(scripted(answer), "DC=corp", [ID]))
    assert entry.attributes["member"] == [b"CN=a", b"CN=b", b"CN=c", b"CN=d", b"CN=e"]
    assert not any("range" in name for name in entry.attributes)


def test_an_object_that_vanishes_between_two_ranges_ends_the_list() -> None:
    def answer(_base: str, _filter: str, attributes: tuple[str, ...]) -> list[Entry]:
        return [] if len(attributes) == 1 else [Entry("CN=g", {"objectGUID": [RAW], "member;range=0-0": [b"CN=a"]})]

    assert next(lookups.read_whole(scripted(answer), "DC=corp", [ID])).attributes["member"] == [b"CN=a"]


def missing(*, sees_deleted: bool, object_security: bool = False) -> tuple[DeletionConfirmer, Assembler]:
    assembler = Assembler(IdSet([ID]), IdSet(), HybridClock())
    judge = DeletionConfirmer("ad/corp", assembler, object_security=object_security)
    judge.sees_deleted = sees_deleted
    return judge, assembler


TOMBSTONE = [Entry("CN=a\\0ADEL:x", {"objectGUID": [RAW], "isDeleted": [b"TRUE"]})]
ALIVE = [Entry("CN=a", {"objectGUID": [RAW]})]


@pytest.mark.parametrize(
    ("answer", "sees_deleted", "object_security", "silent_days", "rewound", "expected"),
    [
        (TOMBSTONE, True, False, 1, False, "deleted"),
        (ALIVE, True, False, 1, True, "read again"),
        ([], True, False, 1, False, "kept"),  # unreadable is not deleted
        ([], False, False, 400, True, "kept"),  # a blind account cannot tell
        ([], True, True, 400, True, "kept"),  # nor one that sees only what its rights show
        ([], True, False, 400, False, "deleted"),  # its tombstone has been collected in the meantime
        ([], True, False, 1, True, "deleted"),  # this database never had it
    ],
)
def test_what_became_of_a_missing_object(
    answer: list[Entry], sees_deleted: bool, object_security: bool, silent_days: int, rewound: bool, expected: str
) -> None:
    judge, assembler = missing(sees_deleted=sees_deleted, object_security=object_security)
    connection = scripted(lambda *_: answer)
    found = list(judge.confirm(connection, "DC=corp", IdSet(), silent_ms=silent_days * DAY_MS, rewound=rewound))
    facts = [fact for some, _ in found for fact in some]
    reads = [read for _, some in found for read in some]
    assert reads in ([], [ReadWhole(ID)])
    verdict = "deleted" if facts else "read again" if reads else "kept"
    assert verdict == expected
    assert all(fact.op is Operation.DELETED for fact in facts)
    assert (ID in assembler.published) == (expected != "deleted")


def test_objects_out_of_sight_are_reported_with_what_to_grant() -> None:
    judge, _ = missing(sees_deleted=False)
    with capture_logs() as logs:
        list(judge.confirm(scripted(lambda *_: []), "DC=corp", IdSet(), silent_ms=0, rewound=False))
    assert [line["objects"] for line in logs if "Deleted Objects" in line.get("remedy", "")] == [1]


CORP = ServerIdentity("CN=DC1", "life", "DC=corp", "CN=Configuration,DC=corp", ("DC=corp", "CN=Configuration,DC=corp"))
SUB = ServerIdentity("CN=DC9", "life", "DC=sub,DC=corp", "CN=Configuration,DC=corp", ("DC=sub,DC=corp",))


@pytest.fixture
def forest(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Servers, dict[str, Any], list[str]]]:
    """Servers whose hosts answer from a table: an identity, or an error to raise; and the list of attempts."""

    def make(**hosts: Any) -> tuple[Servers, dict[str, Any], list[str]]:
        attempts: list[str] = []

        def open_connection(address: ServerAddress, _forest: ForestSettings) -> DirectoryConnection:
            attempts.append(address.host)
            found = hosts[address.host]
            if isinstance(found, Exception):
                raise found
            connection = Scripted(lambda *_: [])
            connection.identity = found  # type: ignore[attr-defined]
            return cast(DirectoryConnection, connection)

        monkeypatch.setattr(servers, "open_connection", open_connection)
        monkeypatch.setattr(servers, "read_identity", lambda connection: connection.identity)
        settings = ForestSettings(
            name="corp",
            tenant="t",
            servers=[f"ldaps://{host}" for host in hosts],
            bind_user="svc",
            bind_password="secret",
        )
        return Servers(settings), hosts, attempts

    return make


Forest = Callable[..., tuple[Servers, dict[str, Any], list[str]]]
AWAY = RetriableError("away")


def test_the_next_server_is_taken_and_kept(forest: Forest) -> None:
    pool, hosts, attempts = forest(dc1=AWAY, dc2=CORP)
    pool.connect("DC=corp")
    hosts["dc1"] = CORP
    pool.connect("DC=corp")
    assert attempts == ["dc1", "dc2", "dc2"], "a server that works is not left for the first one"


def test_a_server_of_another_domain_is_passed_over(forest: Forest) -> None:
    pool, _, attempts = forest(dc9=SUB, dc1=CORP)
    _, identity = pool.connect("dc=CORP")
    assert (identity, attempts) == (CORP, ["dc9", "dc1"])


def test_the_domains_of_a_forest_come_from_its_servers(forest: Forest) -> None:
    pool, _, _ = forest(dc1=CORP, dc2=AWAY, dc3=CORP, dc9=SUB)
    assert pool.naming_contexts() == (["DC=corp", "DC=sub,DC=corp"], False)


def test_one_server_away_is_reason_to_come_back(forest: Forest) -> None:
    pool, _, _ = forest(dc1=AWAY, dc2=FatalError("its certificate is not trusted"))
    with pytest.raises(RetriableError, match="not trusted"):
        pool.connect("DC=corp")


def test_no_server_that_can_come_back_is_fatal(forest: Forest) -> None:
    pool, _, _ = forest(dc9=SUB)
    with pytest.raises(FatalError, match="none of"):
        pool.connect("DC=corp")


def test_a_refused_password_is_not_tried_elsewhere(forest: Forest) -> None:
    pool, _, attempts = forest(dc1=BindRefusedError("ldaps://dc1: bind as svc: wrong"), dc2=CORP)
    with pytest.raises(FatalError, match="bind as svc"):
        pool.connect("DC=corp")
    assert attempts == ["dc1"]
