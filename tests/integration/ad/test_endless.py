"""A directory that never comes to an end, or answers with what nobody asked for: an error with a pause, no loop."""

from __future__ import annotations

import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

import pytest

from producers.ad import passes
from producers.ad.facts import Assembler, ReadWhole
from producers.ad.follow_log import FollowLog
from producers.ad.full_pass import FullPass
from producers.ad.ldap import connection as connections
from producers.ad.ldap import searches as lookups
from producers.ad.ldap import wire
from producers.ad.ldap.connection import DirectoryConnection, ServerAddress, open_connection
from producers.ad.ldap.wire import Entry, Result
from producers.ad.mapping import Change
from producers.ad.naming_context import ForestReading, NamingContext
from producers.ad.passes import Turn
from producers.id_set import IdSet
from producers.source import Progress
from streams.contracts.errors import RetriableError, SyncHealthError
from streams.runtime.clock import HybridClock
from streams.runtime.settings import ForestSettings

ID = "6e1a2c90-5b7d-4f38-9c21-0a4be37d1f55"
RAW = uuid.UUID(ID).bytes_le
PAGED = "1.2.840.113556.1.4.319"
FOREST = ForestSettings(name="x", tenant="t", servers=["ldap://127.0.0.1"], bind_user="u", bind_password="p")


class Pages:
    """Answers every search with a page and a cookie for more."""

    server = ServerAddress("ldaps://dc", "dc", 636, True)

    def __init__(self, pages: Iterator[list[Entry]], cookie: bytes = b"c") -> None:
        self.pages, self.cookie = pages, cookie

    def search(self, *_: Any, **_options: Any) -> Any:
        found = Found(next(self.pages, []))
        found.result = Result(0, "", {PAGED: wire.write_sequence(0, self.cookie)})
        return found

    def read(self, *_: Any, attributes: Any = (), **_options: Any) -> list[Entry]:
        return next(self.pages, [])


class Found(list[Entry]):
    result: Result | None = None


def test_pages_that_repeat_themselves_end() -> None:
    for endless in (iter(lambda: [Entry("CN=a", {})], None), iter(lambda: list[Entry](), None)):
        with pytest.raises(RetriableError, match="again") as raised:
            list(lookups.pages(cast(DirectoryConnection, Pages(endless)), "DC=x", "(x=*)", ()))
        assert raised.value.retry_after_s


def test_one_cookie_for_all_pages_is_sambas_way() -> None:
    numbers = count()
    found = lookups.pages(
        cast(DirectoryConnection, Pages(iter(lambda: [Entry(f"CN={next(numbers)}", {})], None))), "DC=x", "(x=*)", ()
    )
    assert [next(found)[0].dn for _ in range(50)][-1] == "CN=49"


@pytest.mark.parametrize(
    "spelled", ["member;range=0-1499", "member;range=1400-1499", "member;range=x", "member;range=1500-9"]
)
def test_a_range_that_was_not_asked_for_ends(spelled: str) -> None:
    def answers() -> Iterator[list[Entry]]:
        while True:
            yield [Entry("CN=a", {spelled: [b"x"]})]

    first = Entry("CN=a", {"objectGUID": [RAW], "member;range=0-1499": [b"x"]})
    with pytest.raises(RetriableError):
        lookups._with_all_links(cast(DirectoryConnection, Pages(answers())), first)


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("cookies", [[b"a"], [b"a", b"b"]], ids=["the same", "in turn"])
def test_more_behind_a_cookie_that_was_sent_before_ends(
    full: bool, cookies: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Request:
        def __init__(self, sent: bytes) -> None:
            self.sent_cookie = sent
            self.cookie = cookies[(cookies.index(sent) + 1) % len(cookies)] if sent in cookies else cookies[0]
            self.more = True

        def __iter__(self) -> Iterator[Entry]:
            return iter(())

    forest = ForestReading("ad/x", FOREST, cast(Any, None), HybridClock(), Progress())
    each = NamingContext("DC=x", forest, lambda _: False)
    each.position.cookie = b"" if full else cookies[0]
    monkeypatch.setattr(passes, "DirSyncRequest", lambda connection, name, cookie, **more: Request(cookie))
    turn = Turn(cast(Any, None), cast(Any, None), 1)
    reading: FullPass | FollowLog
    if full:
        reading = FullPass(each._reading, "initial")
        reading.begin(turn)
    else:
        reading = FollowLog(each._reading, turn)
    with pytest.raises(RetriableError, match="leads back"):
        for _ in range(20):
            reading.next_batch()


def test_a_name_that_looks_deleted_is_a_hint_to_look_and_no_deletion() -> None:
    assembler = Assembler(IdSet([ID]), IdSet(), HybridClock())
    assert assembler.stream(Change(ID, f"CN=a\\0ADEL:{ID},CN=Deleted Objects,DC=x")) == ReadWhole(ID)
    assert ID in assembler.published


REFERRAL = (  # an ExtendedResponse, and a BindResponse, whose result is referral (10) to ldap://evil/
    bytes.fromhex("3022020101781d0a010a04000400a3160414") + b"ldap://evil.example/",
    bytes.fromhex("3022020101611d0a010a04000400a3160414") + b"ldap://evil.example/",
)


@contextmanager
def server(answer: Any) -> Iterator[ServerAddress]:
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        opened, _ = listener.accept()
        with opened:
            asked = opened.recv(4096)
            answer(opened, asked[4] if asked[1] < 0x80 else asked[5], over)
            over.wait(120)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        port = listener.getsockname()[1]
        yield ServerAddress(f"ldap://127.0.0.1:{port}", "127.0.0.1", port, False)
    finally:
        over.set()
        thread.join()
        listener.close()


@pytest.mark.parametrize("message", REFERRAL)
def test_a_referral_is_neither_followed_nor_anybodys_end(message: bytes) -> None:
    def answer(opened: socket.socket, number: int, _: threading.Event) -> None:
        opened.sendall(message[:4] + bytes([number]) + message[5:])

    with server(answer) as address, pytest.raises(SyncHealthError):
        open_connection(address, FOREST)


@pytest.mark.parametrize("claim", [b"\x30\x84\x7f\xff\xff\xff", b"\x30\x88" + b"\x7f" * 8, b"\x30\x80", b"HTTP/1.1"])
def test_a_message_without_end_before_tls(claim: bytes) -> None:
    def answer(opened: socket.socket, _: int, over: threading.Event) -> None:
        opened.sendall(claim + bytes(100_000))

    with server(answer) as address, pytest.raises(RetriableError, match="cannot be reached"):
        open_connection(address, FOREST)


def test_an_answer_that_drips_before_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "GREETING_S", 0.3)

    def answer(opened: socket.socket, _: int, over: threading.Event) -> None:
        opened.sendall(b"\x30\x83\x00\xff\xff")
        while not over.wait(0.02):
            opened.sendall(b"x")

    with server(answer) as address, pytest.raises(RetriableError, match="tim"):
        open_connection(address, FOREST)


@contextmanager
def bound(answer: Callable[[socket.socket, threading.Event], None]) -> Iterator[DirectoryConnection]:
    ours, theirs = socket.socketpair()
    over = threading.Event()

    def serve() -> None:
        with suppress(OSError):  # the other end hangs up in the middle
            answer(theirs, over)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        held = SimpleNamespace(socket=ours, unbind=ours.close)
        yield DirectoryConnection(ServerAddress("ldap://x", "x", 389, False), held)
    finally:
        over.set()
        thread.join()
        theirs.close()


def test_an_answer_that_drips_after_the_bind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time, and the message never."""
    monkeypatch.setattr(connections, "SEARCH_WAIT_S", 0.3)

    def drip(theirs: socket.socket, over: threading.Event) -> None:
        theirs.sendall(b"\x30\x83\x00\xff\xff")
        while not over.wait(0.02):
            theirs.sendall(b"x")

    with bound(drip) as connection:
        with pytest.raises(RetriableError, match="no answer in time"):
            connection.read("DC=x")
        assert not connection.is_open


def test_an_answer_of_any_length_after_the_bind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "LARGEST_SEARCH", 1_000_000)
    entry = b"\x30\x09\x02\x01\x7f\x64\x04\x04\x00\x30\x00"  # of a search that was given up

    def flood(theirs: socket.socket, over: threading.Event) -> None:
        while not over.is_set():
            theirs.sendall(entry * 1_000)

    with bound(flood) as connection, pytest.raises(RetriableError, match="brought more than 1000000 bytes"):
        connection.read("DC=x")


def test_what_is_there_already_is_taken_in_bounded_bites(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "LARGEST_GLANCE", 1)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        connection = DirectoryConnection(ServerAddress("ldap://x", "x", 389, False), SimpleNamespace(socket=ours))
        theirs.sendall(b"\x30\x09\x02\x01\x7f\x64\x04\x04\x00\x30\x00")
        assert len(connection.available()) == 1
        theirs.sendall(b"\x30\x84\x7f\xff\xff\xff")
        with pytest.raises(RetriableError, match="not believable"):
            connection.available()
