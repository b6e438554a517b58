"""Access tokens: the only module that knows msal.

Four ways to prove who we are: client secret, certificate, a federated token file (workload identity), and the
managed identity of the machine. Secrets and tokens are read again from their files whenever a token was
refused, so that they can be replaced without a restart.
"""

from __future__ import annotations

import re
import threading
from functools import partial
from pathlib import Path
from typing import Any

import msal
from msal.exceptions import MsalServiceError

from producers.graph.session import TimedSession, token_places
from producers.refusing import STUMBLES
from streams.contracts.errors import RetriableError, SettingsError
from streams.runtime.http_session import HttpError
from streams.runtime.redaction import redacted
from streams.runtime.settings import TenantSettings

# A person has to act; meanwhile ask once a minute, so that the source heals by itself afterwards.
_REFUSED_WAIT_S = 60.0
_LONGEST_SAID = 500
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,100000}=*", re.ASCII)  # RFC 6750, 2.1: b64token


class TokenSource:
    """Gives bearer tokens for one tenant's Graph; msal caches them until shortly before they expire.

    Thread-safe. `http`: how requests are made; a secret goes to the authority of the settings alone, whatever the
    authority's own documents name.
    """

    def __init__(self, tenant: TenantSettings, http: TimedSession) -> None:
        self._tenant = tenant
        self._http = http.only(token_places(tenant))
        self._lock = threading.Lock()
        self._client: Any = None

    def token(self) -> str:
        """A token that is valid now. Raises RetriableError, naming what Entra said and what to do."""
        with self._lock:
            try:
                return self._acquire()
            except (HttpError, MsalServiceError) as error:
                self._client = None
                raise RetriableError(f"no token from {self._from}: {type(error).__name__}: {error}") from error
            except STUMBLES as error:  # msal's over answers of any shape, and over keys that are none
                self._client = None
                check = "the machine's identity" if self._tenant.managed_identity else "authority, certificate and key"
                raise RetriableError(
                    f"no token from {self._from}: {error}; check {check}", retry_after_s=_REFUSED_WAIT_S
                ) from error

    @property
    def _from(self) -> str:
        return "the endpoint of the managed identity" if self._tenant.managed_identity else self._tenant.authority

    def renew(self, refused: str) -> None:
        """Forget `refused`, which Graph no longer takes; the next `token` is a new one."""
        with self._lock:
            if self._client is not None and self._acquire_quietly() == refused:
                self._client = None

    def _acquire_quietly(self) -> str | None:
        try:
            return self._acquire()
        except (RetriableError, HttpError, MsalServiceError, *STUMBLES):
            self._client = None
            return None

    def _acquire(self) -> str:
        if self._tenant.managed_identity:
            answer = self._managed().acquire_token_for_client(resource=self._tenant.scope.removesuffix("/.default"))
        else:
            answer = self._confidential().acquire_token_for_client(scopes=[self._tenant.scope])
        if "access_token" not in answer:
            # msal would repeat a refusal from its memory for a minute; a new client asks again.
            self._client = None
            raise RetriableError(
                f"Entra refuses application {self._tenant.client_id or 'managed identity'} a token: "
                f"{_first_line(answer.get('error'))}: {_first_line(answer.get('error_description'))}; "
                "check client_id and renew the secret or certificate",
                retry_after_s=_REFUSED_WAIT_S,
            )
        if _TOKEN.fullmatch(answer["access_token"]) is None:
            raise ValueError("what it gives is no token")  # it becomes a header of ours
        return str(answer["access_token"])

    def _confidential(self) -> Any:
        if self._client is None:
            self._client = msal.ConfidentialClientApplication(
                self._tenant.client_id,
                client_credential=self._credential(),
                authority=self._tenant.authority,
                # The authority is configured on purpose; asking the public cloud about it would fail
                # in sovereign clouds and in the lab.
                instance_discovery=False,
                http_client=self._http,
            )
        return self._client

    def _managed(self) -> Any:
        if self._client is None:
            identity = (
                msal.UserAssignedManagedIdentity(client_id=self._tenant.client_id)
                if self._tenant.client_id
                else msal.SystemAssignedManagedIdentity()
            )
            self._client = msal.ManagedIdentityClient(identity, http_client=self._http)
        return self._client

    def _credential(self) -> Any:
        tenant = self._tenant
        if tenant.federated_token_file is not None:
            # The platform replaces this file about once an hour: msal asks for its content each time.
            return {"client_assertion": partial(_content, tenant.federated_token_file)}
        if tenant.certificate_file is not None and tenant.private_key_file is not None:
            certificate, key = _content(tenant.certificate_file), _content(tenant.private_key_file)
            return {"private_key": key, "public_certificate": certificate}
        try:
            return tenant.client_secret.get_secret_value() if tenant.client_secret is not None else None
        except SettingsError as error:
            raise RetriableError(str(error), retry_after_s=_REFUSED_WAIT_S) from error


def _content(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError as error:
        message = f"the credential file {file} cannot be read ({error.strerror}): check path and rights"
        raise RetriableError(message, retry_after_s=_REFUSED_WAIT_S) from error


def _first_line(text: object) -> str:
    """Who refuses us may quote what we sent."""
    return redacted(str(text or "").partition("\r\n")[0].partition("\n")[0][:_LONGEST_SAID])
