"""What the rules of this family share: which computers count, and what a finding says of one."""

from __future__ import annotations

from typing import Any

from streams.contracts.finding import Holder
from streams.contracts.times import rfc3339
from streams.detections.detection import Context, Verdict
from streams.views.device.computer import Computer
from streams.views.device.device_view import CloudDevice, DeviceView, Stage
from streams.views.device.join_attempts import audit_of
from streams.views.device.join_errors import Course


def counted(view: DeviceView, context: Context, now_ms: int) -> Computer | None:
    """The computer, if it ought to be joined: enabled, supported, in scope, alive, and no domain controller."""
    computer = view.computer
    if computer is None or computer.outside(now_ms, context.thresholds.computer_seen_ms) is not None:
        return None
    return computer


def has_valid_certificate(computer: Computer, now_ms: int) -> bool:
    """Whether synchronisation would take the computer: a certificate of its own that has not expired."""
    certificate = computer.join_certificate
    return certificate is not None and certificate.covers(now_ms)


def verdict(
    view: DeviceView,
    computer: Computer,
    context: Context,
    now_ms: int,
    *,
    summary: str,
    since_ms: int,
    open_at_ms: int | None = None,
    keep_open: bool = False,
    stage: Stage | None = None,
    evidence: dict[str, Any] | None = None,
    roles: tuple[tuple[CloudDevice, str], ...] = (),
) -> Verdict:
    """A verdict on a computer that looks again when time alone would change it: dead, or a certificate's end.

    stage: how far it is; with it goes what its own log says of the join since then.
    """
    certificate = computer.join_certificate
    ends = [each.not_after_ms for each in computer.certificates if each.not_after_ms is not None]
    ends.append(computer.dead_at_ms(context.thresholds.computer_seen_ms))
    said: dict[str, Any] = {
        "stage": str(stage) if stage is not None else None,
        "operating_system": computer.operating_system,
        "operating_system_version": computer.operating_system_version,
        "host": computer.dns_host_name,
        "certificates": len(computer.certificates),
        "certificate_expires": rfc3339(certificate.not_after_ms)
        if certificate is not None and certificate.not_after_ms is not None
        else None,
        **(_client_said(view, computer) if stage is not None else {}),
        **(evidence or {}),
    }
    return Verdict(
        summary=summary,
        since_ms=since_ms,
        open_at_ms=open_at_ms,
        keep_open=keep_open,
        recheck_at_ms=min((end for end in ends if end > now_ms), default=None),
        subject=computer.party.subject(view.key),
        forest=computer.party.forest,
        evidence={name: value for name, value in said.items() if value is not None},
        counterparts=(computer.party.holder("joins"), *holders(roles)),
    )


def _client_said(view: DeviceView, computer: Computer) -> dict[str, str]:
    """The newest error of the join task, unless it is older than the stage: then it is about another one."""
    failure, device = view.join_failure, view.device
    if failure is None or (device is not None and failure.course is Course.EXPECTED):
        return {}  # "not synchronised yet", said before the device appeared
    return failure.evidence if failure.ts_ms >= _began_ms(view, computer) else {}


def _began_ms(view: DeviceView, computer: Computer) -> int:
    """When the stage began, as far as the data say; never by when we were told, which restarts and disorder move."""
    added = audit_of(view.events, "add device", view.device.party.id) if view.device is not None else None
    if added is not None:
        return added.ts_ms
    certificate = computer.join_certificate
    return max((certificate.not_before_ms or 0) if certificate is not None else 0, computer.created_ms)


def deleted_by_whom(view: DeviceView, device: CloudDevice) -> str | None:
    """Who deleted a device, as the audit log has it; None where it does not say."""
    deletion = audit_of(view.events, "delete device", device.party.id)
    return deletion.initiator if deletion is not None else None


def holders(roles: tuple[tuple[CloudDevice, str], ...]) -> tuple[Holder, ...]:
    """Devices as a finding names them, each with what the rule says of it."""
    return tuple(device.party.holder(role) for device, role in roles)
