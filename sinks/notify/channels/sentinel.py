"""Microsoft Sentinel: the Logs Ingestion API of Azure Monitor, into a table of one's own.

The table and its stream have the columns of `row`; `Event` (dynamic) is the OCSF finding. Sources:
https://learn.microsoft.com/azure/azure-monitor/logs/logs-ingestion-api-overview (POST to the endpoint's
/dataCollectionRules/{immutable id}/streams/{stream}, a JSON array, 204; 429 with Retry-After),
https://learn.microsoft.com/azure/azure-monitor/fundamentals/service-limits#logs-ingestion-api (1 MB a call).
"""

from __future__ import annotations

from typing import Annotated, Any

import msal
from pydantic import Field, SecretStr, model_validator

from sinks.notify.channels.channel import Sender
from sinks.notify.channels.ocsf import detection_finding
from sinks.notify.channels.web import Web, WebOptions, safe_place
from sinks.notify.notice import Notice
from streams.contracts.codec import encode
from streams.contracts.errors import RetriableError
from streams.contracts.times import rfc3339
from streams.runtime.http_session import BoundedSession, HttpError
from streams.runtime.redaction import redacted
from streams.runtime.section import FilePath, secret_of

_PATIENCE_S = 60.0


class SentinelOptions(WebOptions):
    """endpoint: of the data collection endpoint or rule; rule: its immutable id (dcr-…); stream: Custom-SyncHealth_CL.

    tenant, client_id, client_secret: an application with the role Monitoring Metrics Publisher on the rule.
    """

    endpoint: str
    rule: Annotated[str, Field(pattern=r"^dcr-[0-9a-f]{32}$")]
    stream: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,99}$")]
    tenant: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+$")]
    client_id: str
    client_secret: SecretStr | None = None
    client_secret_file: FilePath | None = None
    authority: str = "https://login.microsoftonline.com"
    scope: str = "https://monitor.azure.com/.default"

    @model_validator(mode="after")
    def _whole(self) -> SentinelOptions:
        secret = secret_of(self.client_secret, self.client_secret_file, "client_secret")
        object.__setattr__(self, "client_secret", secret)
        safe_place(self.endpoint, "endpoint")
        safe_place(self.authority, "authority")
        if self.client_secret is None:
            raise ValueError("client_secret or client_secret_file is missing")
        return self


class Sentinel:
    """Posts a row for each message."""

    Options = SentinelOptions
    in_place = False
    each = True

    def __init__(self, options: SentinelOptions, sender: Sender) -> None:
        self._options, self._sender = options, sender
        self._web = Web(safe_place(options.endpoint, "endpoint"), ca_file=options.ca_file, proxy=options.proxy)
        place = safe_place(options.authority, "authority")
        self._tokens = BoundedSession([place], ca_file=options.ca_file, proxy=options.proxy)
        self._client: Any = None

    def send(self, notice: Notice, reference: str) -> str:
        """See Channel."""
        options = self._options
        url = f"{options.endpoint.rstrip('/')}/dataCollectionRules/{options.rule}/streams/{options.stream}"
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token()}"}
        try:
            body = encode([row(notice, self._sender)])
            self._web.ask("POST", f"{url}?api-version=2023-01-01", body=body, headers=headers)
        except RetriableError:
            self._client = None  # a token that is no longer taken is not asked for again from memory
            raise
        return ""

    def close(self) -> None:
        """See Channel."""
        self._web.close()
        self._tokens.close()

    def _token(self) -> str:
        options = self._options
        assert options.client_secret is not None
        try:
            if self._client is None:
                self._client = msal.ConfidentialClientApplication(
                    options.client_id,
                    client_credential=options.client_secret.get_secret_value(),
                    authority=f"{options.authority.rstrip('/')}/{options.tenant}",
                    instance_discovery=False,  # the authority is configured on purpose
                    http_client=self._tokens,
                )
            answer = self._client.acquire_token_for_client(scopes=[options.scope])
        except (HttpError, ValueError, KeyError, TypeError) as error:
            self._client = None
            raise RetriableError(f"no token from {options.authority} ({type(error).__name__})") from None
        token = answer.get("access_token")
        if not isinstance(token, str):
            self._client = None
            reason = redacted(str(answer.get("error"))[:100])
            hint = "check client_id and client_secret"
            raise RetriableError(f"Entra refuses a token: {reason}: {hint}", retry_after_s=_PATIENCE_S)
        return token


def row(notice: Notice, sender: Sender) -> dict[str, Any]:
    """One row of the table."""
    event = detection_finding(notice, sender)
    return {
        "TimeGenerated": rfc3339(notice.at_ms), "MessageKey": notice.key, "FindingId": event["finding_info"]["uid"],
        "Activity": event["activity_name"], "Severity": event["severity"], "Status": event["status"],
        "Title": notice.title, "Message": notice.text, "Url": notice.desk_url, "Event": event,
    }  # fmt: skip
