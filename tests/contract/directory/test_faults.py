"""Faults that tests can put into the lab directory."""

from __future__ import annotations

from collections.abc import Iterator

import ldap3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ldap3.core.exceptions import LDAPException

from deploy.lab.directory import ber
from deploy.lab.directory.limits import Limits
from deploy.lab.directory.results import ResultCode
from deploy.lab.directory.server import DirectoryServer
from deploy.lab.directory.store import DirectoryStore
from tests.support.directory import Directory, dirsync_control, lab_directory
from tests.support.wire_client import EXTENDED_RESPONSE, WireClient


@pytest.fixture(scope="module")
def server() -> DirectoryServer:
    return DirectoryServer(DirectoryStore(), limits=Limits(idle_s=1))


@pytest.fixture(scope="module")
def running(server: DirectoryServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    with lab_directory(tmp_path_factory.mktemp("lab"), server) as lab:
        yield lab


@pytest.fixture
def lab(running: Directory, server: DirectoryServer) -> Iterator[Directory]:
    yield running
    server.faults.clear()
    running.close_connections()


def _client(lab: Directory) -> WireClient:
    return WireClient(lab.dc.host, lab.dc.ldaps_port, lab.dc.ca_file, lab.dc.host_name)


def test_binds_can_be_refused(lab: Directory, server: DirectoryServer) -> None:
    server.faults.refuse_binds = True
    with pytest.raises(LDAPException):
        lab.connect()
    server.faults.refuse_binds = False
    assert lab.connect().bound


def test_operations_can_fail_with_a_code(lab: Directory, server: DirectoryServer) -> None:
    connection = lab.connect()
    server.faults.fail_with = ResultCode.BUSY
    connection.search(lab.base_dn, "(objectClass=*)", ldap3.BASE)
    assert connection.result["description"] == "busy"


def test_a_connection_can_break_in_the_middle_of_a_search(lab: Directory, server: DirectoryServer) -> None:
    client = _client(lab)
    client.bind(lab.dc.admin_user, lab.dc.admin_password)
    server.faults.drop_after_entries = 3
    client.search(lab.base_dn, ("name",))
    for _ in range(3):
        assert client.receive().dn
    with pytest.raises((EOFError, OSError)):
        client.receive()
    client.close()


def test_all_connections_can_be_dropped_and_new_ones_are_welcome(lab: Directory) -> None:
    client = _client(lab)
    client.bind(lab.dc.admin_user, lab.dc.admin_password)
    assert lab.thread is not None
    lab.thread.drop_connections()
    with pytest.raises((EOFError, OSError)):
        client.receive()
    client.close()
    assert lab.connect().bound


def test_the_directory_can_be_down_and_come_up_on_the_same_ports(lab: Directory, server: DirectoryServer) -> None:
    ports = (server.port, server.ldaps_port)
    assert lab.thread is not None
    lab.thread.go_down()
    with pytest.raises(OSError, match="refused"):
        _client(lab)
    lab.thread.come_up()
    assert (server.port, server.ldaps_port) == ports
    assert lab.connect().bound


def test_a_slow_answer_still_comes(lab: Directory, server: DirectoryServer) -> None:
    client = _client(lab)
    client.socket.settimeout(0.05)
    server.faults.delay_s = 0.2
    with pytest.raises(TimeoutError):
        client.bind(lab.dc.admin_user, lab.dc.admin_password)
    client.close()


def test_a_silent_connection_is_closed(lab: Directory) -> None:
    client = _client(lab)
    with pytest.raises(EOFError):
        client.receive()
    client.close()


def test_garbage_ends_in_a_notice_of_disconnection(lab: Directory) -> None:
    client = _client(lab)
    client.socket.sendall(b"GET / HTTP/1.1\r\n\r\n")
    answer = client.receive()
    assert (answer.id, answer.tag, answer.code) == (0, EXTENDED_RESPONSE, ResultCode.PROTOCOL_ERROR)
    client.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), min_size=1, max_size=6), st.binary(max_size=40))
def test_the_server_survives_whatever_a_bound_client_sends(
    lab: Directory, damage: list[tuple[int, int]], tail: bytes
) -> None:
    client = _client(lab)
    client.bind(lab.dc.admin_user, lab.dc.admin_password)
    body = ber.octets(lab.base_dn) + ber.integer(2, 10) + ber.integer(0, 10) + ber.integer(0) + ber.integer(0)
    wanted = ber.tlv(ber.SEQUENCE, ber.octets("member;range=0-*"), ber.octets("*"))
    search = ber.tlv(0x63, body, ber.boolean(False), ber.tlv(0xA3, ber.octets("mail"), ber.octets("x")), wanted)
    control = ber.tlv(ber.SEQUENCE, *map(ber.octets, dirsync_control(0, b"")[::2]))
    raw = bytearray(ber.tlv(ber.SEQUENCE, ber.integer(2), search, ber.tlv(0xA0, control)))
    for place, octet in damage:
        raw[place % len(raw)] = octet
    client.socket.sendall(bytes(raw) + tail)
    client.close()
    assert lab.dc.connection.search(lab.base_dn, "(objectClass=*)", ldap3.BASE)
