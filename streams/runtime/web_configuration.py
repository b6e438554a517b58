"""TLS and authentication of our listeners, from the web configuration file that Prometheus' own exporters read.

Source: prometheus/exporter-toolkit, docs/web-configuration.md (keys, defaults, "read upon every http request").
What that file may say and Python's ssl module cannot do is refused by name, never passed over.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import ssl
import threading
from pathlib import Path
from typing import Annotated, Any, Literal

import bcrypt
import yaml
from pydantic import Field, ValidationError, model_validator

from streams.contracts.errors import SettingsError
from streams.runtime.section import Section

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_HASH = re.compile(r"\$2[aby]\$(?:0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}")
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
        Annotated[str, Field(pattern=r"^[ -~]*$")],
    ] = Field(default={})


class Document(Section):
    """The whole file."""

    tls_server_config: TlsServer | None = None
    http_server_config: HttpServer = HttpServer()
    basic_auth_users: dict[str, str] = Field(default={})

    @model_validator(mode="after")
    def _hashed(self) -> Document:
        for user, hashed in self.basic_auth_users.items():
            if _HASH.fullmatch(hashed) is None:
                raise ValueError(f"the password of {user!r} is no bcrypt hash: htpasswd -nBC 10 {user}")
        return self


class WebConfiguration:
    """One file as it was read; `current` reads it anew where it or a certificate has changed."""

    def __init__(self, file: Path) -> None:
        """Raises SettingsError with every fault of the file."""
        self.file = file
        self._files = [file]
        self._state = [_stamp(file)]  # from before it is read: a change meanwhile is seen at the next look
        document = read_web_configuration(file)
        self.headers: list[tuple[str, str]] = [*document.http_server_config.headers.items()]
        self._users = {user: hashed.encode() for user, hashed in document.basic_auth_users.items()}
        self._known: dict[str, bytes] = {}
        self._guessing = threading.Lock()
        self.tls: ssl.SSLContext | None = None
        if document.tls_server_config is not None:
            tls = document.tls_server_config
            named = (tls.cert_file, tls.key_file, tls.client_ca_file)
            self._files += [file.parent / each for each in named if each is not None]
            self._state = [*self._state, *map(_stamp, self._files[1:])]
            try:
                self.tls = tls.context(file.parent)
            except (OSError, ssl.SSLError) as error:
                raise SettingsError([f"{file}: tls_server_config: {error}: check cert_file, key_file, CA"]) from error

    def current(self) -> WebConfiguration:
        """This, or what the file says now. Raises SettingsError where what it says now cannot be used, or opens a door:
        a file that is being written is empty for a moment.
        """
        if [*map(_stamp, self._files)] == self._state:
            return self
        now = WebConfiguration(self.file)
        if any(then > after for then, after in zip(self._locks(), now._locks(), strict=True)):
            fault = "asks for no TLS, client certificate or password any more: that takes a restart"
            raise SettingsError([f"{self.file}: {fault}"])
        return now

    @property
    def guarded(self) -> bool:
        """Whether it lets in none but whom it knows, and shows them to nobody on the way."""
        return self.tls is not None and (bool(self._users) or self.tls.verify_mode is ssl.CERT_REQUIRED)

    @property
    def secrets(self) -> list[Path]:
        """The private key."""
        return self._files[2:3]

    def _locks(self) -> tuple[bool, int, bool]:
        return self.tls is not None, self.tls.verify_mode if self.tls is not None else 0, bool(self._users)

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
        with self._guessing:  # whoever guesses has one processor, as in exporter-toolkit
            fits = bcrypt.checkpw(password.encode("utf-8", "surrogateescape")[:72], hashed) and user in self._users
        if fits:
            self._known[user] = digest
        return fits


def _stamp(file: Path) -> tuple[int, int]:
    try:
        status = file.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size


def read_web_configuration(file: Path) -> Document:
    """What stands in the file. Raises SettingsError with every fault of it, and no hash."""
    try:
        document: Any = yaml.safe_load(file.read_text()) or {}
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read ({error.strerror})"]) from error
    except (yaml.YAMLError, ValueError, RecursionError):  # no UTF-8, the 30th of February, depth without end
        raise SettingsError([f"{file}: not valid YAML"]) from None  # the parser's message would quote a hash
    try:
        return Document.model_validate(document)
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
