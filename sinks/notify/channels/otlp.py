"""OpenTelemetry: a log record for each message, over OTLP/HTTP in JSON.

Sources: https://opentelemetry.io/docs/specs/otlp/#otlphttp (POST /v1/logs, JSON with lowerCamelCase names, 64-bit
numbers as strings; partialSuccess in an answer of 200),
https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber.
"""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr, model_validator

from sinks.notify.channels.channel import RefusedNoticeError, Sender
from sinks.notify.channels.web import Web, WebOptions, document_of, safe_place
from sinks.notify.notice import Kind, Notice
from streams.contracts.codec import encode
from streams.contracts.finding import Severity
from streams.runtime.clock import now_ms
from streams.runtime.redaction import redacted
from streams.runtime.section import FilePath, secret_of

_SEVERITIES = {Severity.CRITICAL: 21, Severity.HIGH: 17, Severity.MEDIUM: 13, Severity.LOW: 9}
_INFO = 9


class OtlpOptions(WebOptions):
    """url: of the collector, as https://collector.example.com:4318; authorization: the value of that header, if any."""

    url: str
    authorization: SecretStr | None = None
    authorization_file: FilePath | None = None

    @model_validator(mode="after")
    def _whole(self) -> OtlpOptions:
        found = secret_of(self.authorization, self.authorization_file, "authorization")
        object.__setattr__(self, "authorization", found)
        safe_place(self.url, "url")
        return self


class Otlp:
    """Posts a log record for each message."""

    Options = OtlpOptions
    in_place = False
    each = True

    def __init__(self, options: OtlpOptions, sender: Sender) -> None:
        self._options, self._sender = options, sender
        self._web = Web(safe_place(options.url, "url"), ca_file=options.ca_file, proxy=options.proxy)

    def send(self, notice: Notice, reference: str) -> str:
        """See Channel."""
        headers = {"Content-Type": "application/json"}
        if self._options.authorization is not None:
            headers["Authorization"] = self._options.authorization.get_secret_value()
        url = f"{self._options.url.rstrip('/')}/v1/logs"
        answer = self._web.ask("POST", url, body=encode(export(notice, self._sender)), headers=headers)
        partly = document_of(answer).get("partialSuccess")
        if isinstance(partly, dict) and str(partly.get("rejectedLogRecords", 0)) != "0":
            raise RefusedNoticeError(f"the collector rejects it: {redacted(str(partly.get('errorMessage'))[:200])}")
        return ""

    def close(self) -> None:
        """See Channel."""
        self._web.close()


def export(notice: Notice, sender: Sender) -> dict[str, Any]:
    """The ExportLogsServiceRequest."""
    finding = notice.finding
    values = {"synchealth.key": notice.key, "synchealth.kind": notice.kind.value, "synchealth.title": notice.title}
    values |= {"url.full": notice.desk_url} if notice.desk_url else {}
    if finding is not None:
        values |= {
            "synchealth.finding.id": finding.id, "synchealth.finding.detection": finding.detection,
            "synchealth.finding.family": finding.family, "synchealth.finding.severity": finding.severity.value,
            "synchealth.finding.state": finding.state.value, "synchealth.tenant": finding.tenant,
        }  # fmt: skip
        values |= {f"synchealth.fact.{number}": f"{name}: {value}" for number, (name, value) in enumerate(notice.facts)}
    number = _INFO if notice.kind is Kind.CLOSED else _SEVERITIES[notice.severity]
    record = {
        "timeUnixNano": str(notice.at_ms * 1_000_000), "observedTimeUnixNano": str(now_ms() * 1_000_000),
        "severityNumber": number, "severityText": notice.severity.value, "body": {"stringValue": notice.plain()},
        "eventName": f"synchealth.finding.{notice.kind}", "attributes": _attributes(values),
    }  # fmt: skip
    resource = {"service.name": "synchealth", "service.namespace": sender.installation}
    resource["service.version"] = sender.version
    scope = {"name": "synchealth.notify", "version": sender.version}
    logs = {"resource": {"attributes": _attributes(resource)}, "scopeLogs": [{"scope": scope, "logRecords": [record]}]}
    return {"resourceLogs": [logs]}


def _attributes(values: dict[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]
