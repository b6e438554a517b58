"""TLS and authentication of our listeners, from the web configuration file that Prometheus' own exporters read.

Source: prometheus/exporter-toolkit, docs/web-configuration.md (keys, defaults, "read upon every http request").
What that file may say and Python's ssl module cannot do is refused by name, never passed over.
"""

from __future__ import annotations

import hashlib
import hmac
import ssl
from pathlib import Path
from typing import Any, Literal

import bcrypt
import yaml
from pydantic import Field, ValidationError, model_validator

from streams.contracts.errors import SettingsError
from streams.runtime.section import Section

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_NOBODY = b"$2b$10$au6XbOlGTTnX81QQPytIdue8MdFjrIAv0eGxKkc1/fxQ3KPTcaowy"
"""What an unknown user's password is compared with, so that the time taken does not tell who is known: the hash of
random bytes, made once, as hashing takes 80 ms of every process' start."""


class TlsServer(Section):
    """`tls_server_config`. Files are relative to the web configuration file."""

    cert_file: Path
    key_file: Path
    client_auth_type: Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"] = "NoClientCert"
    client_ca_file: Path | None = None
    min_version: Literal["TLS12", "TLS13"] = "TLS12"
    max_version: Literal["TLS12", "TLS13"] = "TLS13"

    @model_validator(mode="after")
    def _consistent(self) -> TlsServer:
        if (self.client_auth_type == "NoClientCert") != (self.client_ca_file is None):
            raise ValueError("client_auth_type and client_ca_file go together: give both or neither")
        if _VERSIONS[self.min_version] > _VERSIONS[self.max_version]:
            raise ValueError("min_version is above max_version")
        return self

    def context(self, folder: Path) -> ssl.SSLContext:
        """What to serve with. Raises OSError or ssl.SSLError for files that are missing or no certificates."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version, context.maximum_version = _VERSIONS[self.min_version], _VERSIONS[self.max_version]
        context.load_cert_chain(folder / self.cert_file, folder / self.key_file)
        if self.client_ca_file is not None:
            context.load_verify_locations(folder / self.client_ca_file)
            wanted = self.client_auth_type == "RequireAndVerifyClientCert"
            context.verify_mode = ssl.CERT_REQUIRED if wanted else ssl.CERT_OPTIONAL
        return context


class HttpServer(Section):
    """`http_server_config`. We speak HTTP/1.1, whatever `http2` allows."""

    http2: bool = True
    headers: dict[
        Literal[
            "Content-Security-Policy",
            "X-Frame-Options",
            "X-Content-Type-Options",
            "X-XSS-Protection",
            "Strict-Transport-Security",
        ],
        str,
    ] = Field(default={})


class _Document(Section):
    tls_server_config: TlsServer | None = None
    http_server_config: HttpServer = HttpServer()
    basic_auth_users: dict[str, str] = Field(default={})

    @model_validator(mode="after")
    def _hashed(self) -> _Document:
        for user, hashed in self.basic_auth_users.items():
            try:
                bcrypt.checkpw(b"", hashed.encode())
            except ValueError:
                raise ValueError(f"the password of {user!r} is no bcrypt hash: htpasswd -nBC 10 {user}") from None
        return self


class WebConfiguration:
    """One file as it was read; `current` reads it anew where it or a certificate has changed."""

    def __init__(self, file: Path) -> None:
        """Raises SettingsError with every fault of the file."""
        self.file = file
        self._state = self._stamp()
        document = _read(file)
        self.headers: list[tuple[str, str]] = [*document.http_server_config.headers.items()]
        self._users = {user: hashed.encode() for user, hashed in document.basic_auth_users.items()}
        self._known: dict[str, bytes] = {}
        self.tls: ssl.SSLContext | None = None
        self._files = [file]
        if document.tls_server_config is not None:
            tls = document.tls_server_config
            named = (tls.cert_file, tls.key_file, tls.client_ca_file)
            self._files += [file.parent / each for each in named if each is not None]
            try:
                self.tls = tls.context(file.parent)
            except (OSError, ssl.SSLError) as error:
                raise SettingsError([f"{file}: tls_server_config: {error}: check cert_file, key_file, CA"]) from error
        self._state = self._stamp()

    def current(self) -> WebConfiguration:
        """This, or what the file says now. Raises SettingsError where what it says now cannot be used."""
        return self if self._stamp() == self._state else WebConfiguration(self.file)

    def allows(self, user: str | None, password: str) -> bool:
        """Whether a request with these credentials (`user` None: with none) may pass."""
        if not self._users:
            return True
        if user is None:
            return False
        hashed = self._users.get(user, _NOBODY)
        # bcrypt is slow on purpose and a scrape comes every few seconds: what passed once is remembered as a digest.
        digest = hashlib.sha256(hashed + password.encode("utf-8", "surrogateescape")).digest()
        if hmac.compare_digest(self._known.get(user, b""), digest):
            return True
        fits = bcrypt.checkpw(password.encode("utf-8", "surrogateescape")[:72], hashed) and user in self._users
        if fits:
            self._known[user] = digest
        return fits

    def _stamp(self) -> list[tuple[int, int]]:
        found = []
        for each in getattr(self, "_files", [self.file]):
            try:
                status = each.stat()
            except OSError:
                found.append((0, 0))
            else:
                found.append((status.st_mtime_ns, status.st_size))
        return found


def _read(file: Path) -> _Document:
    try:
        document: Any = yaml.safe_load(file.read_text()) or {}
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read ({error.strerror})"]) from error
    except (yaml.YAMLError, ValueError, RecursionError):  # no UTF-8, the 30th of February, depth without end
        raise SettingsError([f"{file}: not valid YAML"]) from None  # the parser's message would quote a hash
    try:
        return _Document.model_validate(document)
    except ValidationError as error:
        faults = [
            f"{file}: {'.'.join(str(step) for step in fault['loc']) or 'the file'}: {_sentence(fault)}"
            for fault in error.errors(include_input=False)
        ]
        raise SettingsError(faults) from None


def _sentence(fault: Any) -> str:
    if fault["type"] == "extra_forbidden":
        return "not supported by these listeners: remove it"
    return str(fault["msg"]).removeprefix("Value error, ")
