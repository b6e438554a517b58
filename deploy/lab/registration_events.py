"""What the lab's Windows clients log of their hybrid join, as Winlogbeat 8 ships it: sentence and named data.

Source: the provider's manifest and message table (repnz/etw-providers-docs, build 18990). The sentence of 304 says
"join phase" whatever happened; the phase is in its debug output. 306 says nothing but that it went well.
"""

from __future__ import annotations

from typing import Any

from deploy.lab.events import DEVICE_REGISTRATION, DEVICE_REGISTRATION_CHANNEL, winlogbeat_document

_MISSING = "The device object by the given id (8c2f5d1e-94b7-4c0a-8b3f-6a1d20e57c91) is not found."
_ACTIVITY = "4f0c9e1a-7b3d-4a37-8a1b-0c2d3e4f5a6b"


def joined(**where: Any) -> dict[str, Any]:
    """Event 306. `where`: server, record_id and at_ms of `winlogbeat_document`."""
    return _document(306, "Automatic registration Succeeded.", {}, "information", where)


def join_failed(
    *, code: int, phase: str, answer: str = "empty", tenant_type: str = "Managed", drs: str = "azure", **where: Any
) -> dict[str, Any]:
    """Event 304. phase: "pre-check", "discover", "auth" or "join"; answer: the service's, or "empty"."""
    kind = "sync" if tenant_type == "Managed" else "fed"
    debug = (
        f"joinMode: Join\ndrsInstance: {drs}\nregistrationType: {kind}\ntenantType: {tenant_type}\n"
        f"tenantId: undefined\nconfigLocation: undefined\nerrorPhase: {phase}\nadalCorrelationId: undefined\n"
        "adalLog:\nundefined\nadalResponseCode: 0x0\n"
    )
    message = (
        f"Automatic registration failed at join phase. \nExit code: Unknown HResult Error code: 0x{code:08x} \n"
        f"Server error: {answer} \nTenant type: {tenant_type} \nRegistration type: {kind} \nDebug Output: \n{debug}"
    )
    data = {
        "ExitCode": _signed(code), "ServerErrorMessage": answer, "TenantType": tenant_type, "JoinType": kind,
        "DebugOutput": debug,
    }  # fmt: skip
    return _document(304, message, data, "error", where)


def join_refused(*, code: int = 0x801C03F2, said: str = _MISSING, **where: Any) -> dict[str, Any]:
    """Event 204: what the registration service answered."""
    answer = f'{{"ErrorType":"DirectoryError","Message":"{said}","TraceId":"{_ACTIVITY}","Time":"11-23-2026 9:31:07Z"}}'
    message = (
        f"The get join response operation callback failed with exit code: Unknown HResult Error code: 0x{code:08x}. \n"
        f"Activity Id: {_ACTIVITY} \nThe server returned HTTP status: 400 \nServer response was: {answer}"
    )
    data = {"ExitCode": _signed(code), "ActivityId": _ACTIVITY, "HttpStatus": "400", "ServerResponse": answer}
    return _document(204, message, data, "error", where)


def _signed(code: int) -> str:
    """As win:Int32 is shown: a decimal number with a sign."""
    return str(code - (1 << 32) if code >= 1 << 31 else code)


def _document(event_id: int, message: str, data: dict[str, str], level: str, where: dict[str, Any]) -> dict[str, Any]:
    document = winlogbeat_document(
        provider=DEVICE_REGISTRATION,
        channel=DEVICE_REGISTRATION_CHANNEL,
        event_id=event_id,
        message=message,
        level=level,
        **where,
    )
    document["winlog"] |= {"event_data": data, "keywords": ["0x4000000000000000"]}
    return document
