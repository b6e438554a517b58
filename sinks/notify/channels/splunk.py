"""Splunk's HTTP Event Collector: OCSF findings as events.

Sources: https://docs.splunk.com/Documentation/Splunk/latest/Data/FormateventsforHTTPEventCollector (time, host, source,
sourcetype, index, event), https://docs.splunk.com/Documentation/Splunk/latest/Data/TroubleshootHTTPEventCollector
(codes: 403 for a token, 400 for a wrong index or event, 503 for a busy server).
"""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr, model_validator

from sinks.notify.channels.channel import Sender
from sinks.notify.channels.ocsf import detection_finding
from sinks.notify.channels.web import Web, WebOptions, safe_place
from sinks.notify.notice import Notice
from streams.contracts.codec import encode
from streams.runtime.section import FilePath, secret_of


class SplunkOptions(WebOptions):
    """url: of the collector, as https://splunk.example.com:8088; token: of an input; index: "": the input's own."""

    url: str
    token: SecretStr | None = None
    token_file: FilePath | None = None
    index: str = ""
    sourcetype: str = "ocsf:detection_finding"

    @model_validator(mode="after")
    def _whole(self) -> SplunkOptions:
        object.__setattr__(self, "token", secret_of(self.token, self.token_file, "token"))
        safe_place(self.url, "url")
        if self.token is None:
            raise ValueError("token or token_file is missing")
        return self


class Splunk:
    """Posts an event for each message."""

    Options = SplunkOptions
    in_place = False
    each = True

    def __init__(self, options: SplunkOptions, sender: Sender) -> None:
        self._options, self._sender = options, sender
        self._web = Web(safe_place(options.url, "url"), ca_file=options.ca_file, proxy=options.proxy)

    def send(self, notice: Notice, reference: str) -> str:
        """See Channel."""
        options = self._options
        assert options.token is not None
        body: dict[str, Any] = {
            "time": notice.at_ms / 1000, "source": self._sender.installation, "sourcetype": options.sourcetype,
            "event": detection_finding(notice, self._sender),
        }  # fmt: skip
        if options.index:
            body["index"] = options.index
        headers = {"Content-Type": "application/json", "Authorization": f"Splunk {options.token.get_secret_value()}"}
        url = f"{options.url.rstrip('/')}/services/collector/event"
        self._web.ask("POST", url, body=encode(body), headers=headers)
        return ""

    def close(self) -> None:
        """See Channel."""
        self._web.close()
