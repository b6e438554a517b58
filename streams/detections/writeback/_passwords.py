"""What the rules on password writeback share: whom a finding is about, and the story of one operation as evidence."""

from __future__ import annotations

from typing import Any

from streams.contracts.events import Event
from streams.contracts.finding import Subject
from streams.contracts.times import rfc3339
from streams.views.identity.object_view import UserView
from streams.views.password.operations import PasswordOperation

TEXT_CHARACTERS = 300


def subject_of(view: UserView) -> Subject:
    """The user, named by AD, else by Entra, else by what the logs call it; of several AD objects none is the user."""
    ours = view.ad if len(view.ad) == 1 else (*view.entra, *view.ad)
    for side in (*ours, *view.entra, *view.gone):
        return side.party.subject(view.key)
    names = [event.user_principal_name for event in view.events if event.user_principal_name]
    return Subject(kind="user", key=view.key, user_principal_name=names[-1] if names else None)


def name_of(view: UserView) -> str:
    """What people call the user."""
    subject = subject_of(view)
    return subject.display_name or subject.user_principal_name or view.key.rpartition("/")[2]


def forest_of(view: UserView) -> str | None:
    """The forest of the user's AD object."""
    return next((side.party.forest for side in (*view.ad, *view.gone)), None)


def story_of(operation: PasswordOperation) -> dict[str, Any]:
    """The operation as evidence: what it was, how each end says it went, and every step in order."""
    audit, refusal = operation.audit, operation.refusal
    steps = [event for event in operation.events if event.server is not None]
    told = {
        "operation": operation.kind,
        "started": rfc3339(operation.started_ms),
        "agent": operation.agent,
        "server": steps[-1].server if steps else None,
        "cloud_result": str(audit.result) if audit is not None and audit.result is not None else None,
        "server_result": str(operation.server) if operation.server is not None else None,
        "landed": rfc3339(operation.landed_ms) if operation.landed_ms is not None else None,
        "error_code": _detail(refusal, "error_code") or _latest(steps, "error_code"),
        "hresult": _detail(refusal, "hresult") or _latest(steps, "hresult"),
        "correlation_id": _first(event.correlation_id for event in reversed(operation.events)),
        "tracking_id": _latest(steps, "tracking_id"),
        "cloud_reason": _cut(audit.reason) if audit is not None else None,
        "server_reason": _cut(refusal.reason) if refusal is not None else None,
    }
    return {
        **{name: value for name, value in told.items() if value is not None},
        "steps": [_step(event) for event in operation.events],
    }


def _step(event: Event) -> dict[str, str]:
    told = {
        "at": rfc3339(event.ts_ms),
        "what": event.name,
        "result": str(event.result) if event.result is not None else None,
        "server": event.server,
    }
    return {name: value for name, value in told.items() if value is not None}


def _detail(event: Event | None, name: str) -> str | None:
    return str(event.details[name]) if event is not None and event.details.get(name) else None


def _latest(events: list[Event], name: str) -> str | None:
    return _first(_detail(event, name) for event in reversed(events))


def _first(values: Any) -> str | None:
    return next((str(value) for value in values if value), None)


def _cut(text: str | None) -> str | None:
    return text[:TEXT_CHARACTERS] if text else None
