"""Syslog over TCP: RFC 5424 messages, each of which is an OCSF finding in ASCII JSON.

Sources: RFC 5424, section 6 (header; no structured data, for its names need an enterprise number), section 6.4 (a
message without a byte order mark may have any encoding, and ours is ASCII), RFC 5425 (TLS, port 6514, MSG-LEN before
each message; 8192 octets are taken by everybody), RFC 6587, section 3.4.1 (the same without TLS).
"""

from __future__ import annotations

import json
import select
import socket
import ssl
from contextlib import suppress
from typing import Annotated, Literal

from pydantic import Field, model_validator

from sinks.notify.channels.channel import Sender
from sinks.notify.channels.ocsf import detection_finding
from sinks.notify.notice import Kind, Notice
from streams.contracts.errors import RetriableError, SettingsError
from streams.contracts.finding import Severity
from streams.contracts.times import rfc3339
from streams.runtime.place import is_loopback
from streams.runtime.section import FilePath, Section

_CONNECT_S = 10.0
_MOST_BYTES = 7_500
_LOCAL0 = 16
_SEVERITIES = {Severity.CRITICAL: 2, Severity.HIGH: 3, Severity.MEDIUM: 4, Severity.LOW: 5}
_INFORMATIONAL = 6


class SyslogOptions(Section):
    """host, port: of the collector; security "none": this machine alone."""

    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:_-]+$")]
    port: Annotated[int, Field(ge=1, le=65535)] = 6514
    security: Literal["tls", "none"] = "tls"
    ca_file: FilePath | None = None
    certificate_file: FilePath | None = None
    key_file: FilePath | None = None

    @model_validator(mode="after")
    def _whole(self) -> SyslogOptions:
        if self.security == "none" and not is_loopback(self.host):
            raise ValueError('security "none" is for a collector on this machine: what is sent names people')
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together")
        return self


class Syslog:
    """Keeps a connection. TCP has no word of what was taken: what the other side loses as it dies is lost."""

    Options = SyslogOptions
    in_place = False
    each = True

    def __init__(self, options: SyslogOptions, sender: Sender) -> None:
        self._options, self._sender = options, sender
        self._connection: socket.socket | None = None
        self._tls: ssl.SSLContext | None = None
        if options.security == "tls":
            try:
                self._tls = ssl.create_default_context(cafile=str(options.ca_file) if options.ca_file else None)
                if options.certificate_file is not None:
                    self._tls.load_cert_chain(options.certificate_file, options.key_file)
            except OSError as error:  # an ssl.SSLError is one
                why = error.strerror or error
                raise SettingsError([f"ca_file or certificate_file cannot be used ({why})"]) from None

    def send(self, notice: Notice, reference: str) -> str:
        """See Channel."""
        message = message_of(notice, self._sender)
        try:
            self._connected().sendall(b"%d %b" % (len(message), message))
        except OSError as error:
            self.close()
            raise RetriableError(f"{self._options.host} takes no messages ({type(error).__name__}: {error})") from None
        return ""

    def close(self) -> None:
        """See Channel."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(OSError):
                connection.close()

    def _connected(self) -> socket.socket:
        if self._connection is not None and _hung_up(self._connection):
            self.close()
        if self._connection is None:
            plain = socket.create_connection((self._options.host, self._options.port), timeout=_CONNECT_S)
            try:
                self._connection = (
                    self._tls.wrap_socket(plain, server_hostname=self._options.host) if self._tls is not None else plain
                )
            except BaseException:
                plain.close()
                raise
        return self._connection


def message_of(notice: Notice, sender: Sender) -> bytes:
    """One message, ASCII throughout."""
    severity = _INFORMATIONAL if notice.kind is Kind.CLOSED else _SEVERITIES[notice.severity]
    host = socket.gethostname()[:255] or "-"
    head = f"<{_LOCAL0 * 8 + severity}>1 {rfc3339(notice.at_ms)} {host} {sender.installation} - {notice.kind} - "
    event = detection_finding(notice, sender, most_bytes=_MOST_BYTES // 2)  # an escape is longer than what it is for
    return (head + json.dumps(event, ensure_ascii=True, separators=(",", ":"))).encode("ascii")


def _hung_up(connection: socket.socket) -> bool:
    """Whether the other side has closed; it has nothing else to say."""
    readable, _, _ = select.select([connection], [], [], 0)
    if not readable:
        return False
    try:
        connection.settimeout(0.1)
        return not connection.recv(1024)
    except TimeoutError:  # a session ticket of TLS
        return False
    except OSError:
        return True
    finally:
        with suppress(OSError):
            connection.settimeout(_CONNECT_S)
