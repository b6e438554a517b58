"""A bare LDAP client over TLS: it sends what it is told and shows what comes, message by message."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from deploy.lab.directory import ber
from deploy.lab.directory.ber import Reader

SEARCH_ENTRY, SEARCH_DONE, BIND_RESPONSE, EXTENDED_RESPONSE = 0x64, 0x65, 0x61, 0x78
SUBTREE = 2


@dataclass(frozen=True)
class Answer:
    """One response: `code` and `text` of a result, `dn` and `attributes` of an entry."""

    id: int
    tag: int
    code: int = -1
    text: str = ""
    dn: str = ""
    attributes: tuple[tuple[str, tuple[bytes, ...]], ...] = ()


class WireClient:
    """One connection; `close` it."""

    def __init__(self, host: str, port: int, ca_file: Path, host_name: str, timeout_s: float = 10) -> None:
        context = ssl.create_default_context(cafile=str(ca_file))
        raw = socket.create_connection((host, port), timeout_s)
        self.socket = context.wrap_socket(raw, server_hostname=host_name)
        self._stream = self.socket.makefile("rb")
        self._id = 0

    def close(self) -> None:
        self._stream.close()
        self.socket.close()

    def send(self, operation: bytes, *controls: tuple[str, bytes | None]) -> int:
        """Send one operation with critical controls; return its message id."""
        self._id += 1
        listed = b"".join(
            ber.tlv(ber.SEQUENCE, ber.octets(oid), ber.boolean(True), b"" if value is None else ber.octets(value))
            for oid, value in controls
        )
        self.socket.sendall(
            ber.tlv(ber.SEQUENCE, ber.integer(self._id), operation, ber.tlv(0xA0, listed) if listed else b"")
        )
        return self._id

    def bind(self, user: str, password: str) -> Answer:
        self.send(ber.tlv(0x60, ber.integer(3), ber.octets(user), ber.tlv(0x80, password.encode())))
        return self.receive()

    def search(
        self, base: str, attributes: tuple[str, ...], *controls: tuple[str, bytes | None], present: str = "objectClass"
    ) -> int:
        """Start a subtree search for everything that has `present`; return its message id."""
        enumerated = ber.ENUMERATED
        head = ber.octets(base) + ber.integer(SUBTREE, enumerated) + ber.integer(0, enumerated)
        body = ber.integer(0) + ber.integer(0) + ber.boolean(False) + ber.tlv(0x87, present.encode())
        return self.send(ber.tlv(0x63, head, body, ber.tlv(ber.SEQUENCE, *map(ber.octets, attributes))), *controls)

    def receive(self) -> Answer:
        """Return the next response. Raises EOFError at the end of the connection, TimeoutError when nothing comes."""
        head = self._stream.read(2)
        if len(head) < 2:
            raise EOFError
        size = head[1]
        if size >= 128:
            more = self._stream.read(size & 0x7F)
            size = int.from_bytes(more, "big")
        outer = Reader(self._stream.read(size))
        message_id = outer.integer()
        tag, inner = outer.enter()
        if tag != SEARCH_ENTRY:
            code, _, text = inner.integer(ber.ENUMERATED), inner.octets(), inner.octets()
            return Answer(message_id, tag, code, text.decode())
        dn, listed, attributes = inner.text(), inner.sequence(), []
        while listed:
            pair = listed.sequence()
            attributes.append((pair.text(), tuple(pair.sequence(ber.SET).each(ber.OCTET_STRING))))
        return Answer(message_id, tag, dn=dn, attributes=tuple(attributes))
