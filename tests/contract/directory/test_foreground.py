"""The directory as a program of its own, and under several clients at once."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import ldap3
import pytest

from deploy.lab.directory.limits import Limits
from deploy.lab.directory.server import DirectoryServer
from deploy.lab.directory.store import DirectoryStore
from tests.support.directory import Directory, lab_directory
from tests.support.samba import SambaDC


@pytest.fixture
def program(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "deploy.lab.directory", "--users", "250", "--groups", "2", "--seed", "3"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [*command, "--tls-directory", str(tmp_path)], stdout=subprocess.PIPE, text=True, env=environment
    )
    yield process
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_the_program_says_where_it_listens_and_stops_when_told(program: subprocess.Popen[str], tmp_path: Path) -> None:
    assert program.stdout is not None
    lines = [program.stdout.readline() for _ in range(4)]
    found = re.search(r"ldap://127\.0\.0\.1:(\d+) and ldaps://127\.0\.0\.1:(\d+)", lines[1])
    assert found, lines
    assert str(tmp_path / "ca.pem") in lines[2]
    dc = SambaDC("127.0.0.1", tmp_path, tmp_path / "ca.pem", int(found[1]), int(found[2]))
    connection = dc.connect()
    connection.search(dc.base_dn, "(sAMAccountName=group0001)", attributes=["member"])
    assert len(connection.response[0]["raw_attributes"]["member"]) == 50
    connection.unbind()
    program.send_signal(signal.SIGTERM)
    assert program.wait(120) == 0


def test_readers_and_a_writer_do_not_disturb_each_other(tmp_path: Path) -> None:
    """Followers on their own connections end with what the writer, in another thread, left behind."""
    store = DirectoryStore()
    users = f"CN=Users,{store.base_dn}"
    store.load(users, "user", ["sAMAccountName"], ((f"u{n}", f"u{n}") for n in range(200)))
    group = store.add(f"CN=all,{users}", {"objectClass": "group"})
    server = DirectoryServer(store, limits=Limits(dirsync_objects=20, dirsync_link_values=7))
    done = threading.Event()

    def write() -> None:
        for number in range(600):
            account = store.find_account(f"u{number % 200}")
            assert account is not None
            store.modify(account.guid, {"title": str(number), "info": None if number % 2 else "x"})
            if number < 200:
                store.add_values(group, "member", account.guid)
            elif number % 3 == 0 and account.guid in store.get(group).targets("member"):
                store.remove_values(group, "member", account.guid)
        done.set()

    with lab_directory(tmp_path, server) as lab:
        writer = threading.Thread(target=write)
        writer.start()
        titles, members = _follow(lab, group, done)
        writer.join()
        titles_after = {o.guid: o.raw("title")[0] for o in store.objects() if o.raw("title")}
        assert titles == titles_after
        assert members == {dn.decode() for dn in store.get(group).raw("member")}
        connection = lab.connect()
        connection.search(users, "(title=*)", ldap3.LEVEL, attributes=["title"])
        assert len(connection.response) == 200


def _follow(lab: Directory, group: uuid.UUID, done: threading.Event) -> tuple[dict[object, bytes], set[str]]:
    """Read DirSync until the writer is done and nothing is left; return what a client knows then."""
    titles: dict[object, bytes] = {}
    members: set[str] = set()
    cookie, last = b"", False
    while True:
        changes, cookie = lab.sync(cookie, ["title", "member"])
        for change in changes:
            if change.attributes.get("title"):
                titles[change.guid] = change.attributes["title"][0]
            if change.guid != group:
                continue
            for name, apply in (("member;range=0-0", members.discard), ("member;range=1-1", members.add)):
                for value in change.attributes.get(name, []):
                    apply(value.decode().split(";")[-1])
        if last and not changes:
            return titles, members
        last = done.is_set()
