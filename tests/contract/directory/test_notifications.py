"""Change notification: the bell that wakes a source."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from deploy.lab.directory import ber, controls
from tests.support.directory import Directory
from tests.support.wire_client import SEARCH_DONE, WireClient

NOTIFY = (controls.NOTIFICATION, None)
SHOW_DELETED = (controls.SHOW_DELETED, None)


@pytest.fixture(scope="module")
def unit(directory: Directory) -> str:
    return directory.unit("notifications")


@pytest.fixture
def clients(directory: Directory) -> Iterator[Callable[[], WireClient]]:
    """Makes bound connections."""
    opened: list[WireClient] = []

    def connect() -> WireClient:
        dc = directory.dc
        opened.append(WireClient(dc.host, dc.ldaps_port, dc.ca_file, dc.host_name))
        assert opened[-1].bind(dc.admin_user, dc.admin_password).code == 0
        return opened[-1]

    yield connect
    for client in opened:
        client.close()


def _listening(client: WireClient, directory: Directory, *extra: tuple[str, bytes | None]) -> WireClient:
    client.search(directory.base_dn, ("name", "department"), NOTIFY, *extra)
    _barrier(client)
    return client


def _barrier(client: WireClient) -> None:
    """Wait until the server has taken in what was sent: notification searches themselves are never answered."""
    client.search("", ("dnsHostName",), present="nothing")
    assert client.receive().tag == SEARCH_DONE


def _names(client: WireClient, count: int) -> list[str]:
    return [dict(client.receive().attributes)["name"][0].decode() for _ in range(count)]


def test_each_change_rings_once_and_nothing_rings_at_first(
    directory: Directory, unit: str, clients: Callable[[], WireClient]
) -> None:
    dn = f"CN=rung,{unit}"
    directory.dc.add(dn, "user", {"sAMAccountName": "n-rung"})
    client = _listening(clients(), directory)
    for number in range(3):
        directory.dc.modify(dn, {"department": str(number)})
    assert _names(client, 3) == ["rung"] * 3


def test_a_deletion_rings_only_with_the_deleted_objects_shown(
    directory: Directory, unit: str, clients: Callable[[], WireClient]
) -> None:
    dn, after = f"CN=doomed,{unit}", f"CN=after,{unit}"
    for name in (dn, after):
        directory.dc.add(name, "contact")
    blind, seeing = _listening(clients(), directory), _listening(clients(), directory, SHOW_DELETED)
    directory.dc.delete(dn)
    directory.dc.modify(after, {"department": "x"})
    assert _names(blind, 1) == ["after"]
    assert _names(seeing, 1)[0].startswith("doomed\nDEL:")


def test_another_filter_is_refused(directory: Directory, clients: Callable[[], WireClient]) -> None:
    client = clients()
    client.search(directory.base_dn, ("name",), NOTIFY, present="mail")
    assert client.receive().code == 53


def test_a_subtree_below_a_naming_context_is_refused(
    directory: Directory,
    unit: str,
    clients: Callable[[], WireClient],
    samba_differs: Callable[[str], None],
) -> None:
    samba_differs("Samba listens to any subtree, so nothing is answered")
    client = clients()
    client.socket.settimeout(2)
    client.search(unit, ("name",), NOTIFY)
    assert client.receive().code == 53


def test_the_sixth_search_of_a_connection_is_refused(directory: Directory, clients: Callable[[], WireClient]) -> None:
    client = clients()
    sixth = [client.search(directory.base_dn, ("name",), NOTIFY) for _ in range(6)][-1]
    answer = client.receive()
    assert (answer.id, answer.code) == (sixth, 11)


def test_an_abandoned_search_makes_room_for_another(
    directory: Directory, unit: str, clients: Callable[[], WireClient]
) -> None:
    client = clients()
    first = min(client.search(directory.base_dn, ("name",), NOTIFY) for _ in range(5))
    client.send(ber.integer(first, 0x50))
    client.search(directory.base_dn, ("name",), NOTIFY)
    _barrier(client)
    directory.dc.add(f"CN=abandoned,{unit}", "contact")
    heard = {client.receive().id for _ in range(5)}
    assert first not in heard
    assert len(heard) == 5
