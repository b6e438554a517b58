"""How long things take: what a view waits for, and since when; the end of a wait is a measurement.

A change in AD waits for the cloud to show it, attribute by attribute, and an object created before our eyes for its
arrival ("object"); a computer waits in each stage of hybrid join, and through all of them ("joining"). Waits stand in
the view's row, so a duplicate or a restart measures nothing twice; whoever dies before the row is written measures once
more: these are samples for histograms, not an account.

A password operation is the other way round: AD mostly shows the new password before any log tells that one was asked
for, so what stands in the row is that it has landed ("writeback/<kind>"), and its appearance is the measurement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from streams.contracts.events import Result
from streams.detections.detection import Context
from streams.detections.domains import domains_of
from streams.measures.counts import JOINED, STAGES, system
from streams.views.device.device_view import DeviceView
from streams.views.identity.expected_export import SOURCES, differences, partners
from streams.views.identity.object_view import ContactView, GroupView, ObjectView, UserView
from streams.views.password.operations import PasswordOperation, latest_password, operations_of
from streams.views.password.operations_groups import TOGETHER_MS
from streams.views.registry import AnyView

OBJECT = "object"
JOINING = "joining"
WRITEBACK = "writeback/"


@dataclass(frozen=True, slots=True)
class Measure:
    """One wait that is over. seconds >= 0.

    subject: "flow", "stage", "join" or "writeback"; label: the kind of object, the stage, the computer's system, or the
    kind of password operation.
    """

    subject: str
    tenant: str
    forest: str
    label: str
    seconds: float


def waiting(view: AnyView, context: Context, now_ms: int) -> dict[str, int]:
    """What the view waits for -> since when (ms)."""
    found = _WAITS.get(type(view))
    return dict(found(view, context, now_ms)) if found is not None else {}


def measured(view: AnyView, before: Mapping[str, int], after: Mapping[str, int], now_ms: int) -> list[Measure]:
    """The waits that ended with this look at the view, and the passwords that it shows landed for the first time."""
    return _ended(view, before, after, now_ms) + _landings(view, before, after)


def _ended(view: AnyView, before: Mapping[str, int], after: Mapping[str, int], now_ms: int) -> list[Measure]:
    if not before:
        return []
    subject = "stage" if isinstance(view, DeviceView) else "flow"
    forest = _forest(view)
    if forest is None:  # whoever waited has gone: nothing has arrived
        return []
    over = {what: since for what, since in before.items() if what not in after and not what.startswith(WRITEBACK)}
    joined = _joined(view, over.pop(JOINING, None), forest)
    if isinstance(view, DeviceView):
        over = {what: since_ms for what, since_ms in over.items() if _further(view, what, after)}
    if isinstance(view, ObjectView):
        over = {what: since_ms for what, since_ms in over.items() if _arrived(view, what, since_ms)}
    return [
        Measure(
            subject, view.tenant, forest, what if subject == "stage" else _kind(view), max(0, now_ms - since_ms) / 1000
        )
        for what, since_ms in over.items()
    ] + joined


def _further(view: DeviceView, stage: str, after: Mapping[str, int]) -> bool:
    """Whether a computer came from this stage to a later one, rather than to an earlier one or out of the count."""
    later = STAGES[STAGES.index(stage) + 1 :]
    return any(each in later for each in after) or (view.device is not None and not view.device.pending)


def _joined(view: AnyView, since_ms: int | None, forest: str) -> list[Measure]:
    """The whole way, if it ended in a registration; by the times of certificate and registration, not of our looks."""
    if since_ms is None or not isinstance(view, DeviceView) or view.computer is None or view.device is None:
        return []
    registered_ms = view.device.registered_ms
    if registered_ms is None:
        return []
    seconds = max(0, registered_ms - since_ms) / 1000
    return [Measure("join", view.tenant, forest, system(view.computer.operating_system), seconds)]


def _landings(view: AnyView, before: Mapping[str, int], after: Mapping[str, int]) -> list[Measure]:
    """Once per operation: that more is told of it later moves its beginning by minutes and makes it no other."""
    if not isinstance(view, UserView):
        return []
    forest = _forest(view) or "none"
    found = []
    for what, started_ms in after.items():
        known_ms = before.get(what)
        if what.startswith(WRITEBACK) and (known_ms is None or abs(started_ms - known_ms) > TOGETHER_MS):
            landed = _landed(view)
            if landed is not None and landed.landed_ms is not None:
                seconds = (landed.landed_ms - landed.started_ms) / 1000
                found.append(Measure("writeback", view.tenant, forest, landed.kind, seconds))
    return found


def _landed(view: ObjectView) -> PasswordOperation | None:
    """The latest password operation, if AD shows its password."""
    latest = latest_password(operations_of(view))
    return latest if latest is not None and latest.landed_ms is not None and latest.result is Result.SUCCESS else None


def _user(view: ObjectView, context: Context, now_ms: int) -> Mapping[str, int]:
    landed = _landed(view)
    return {
        **_flow(view, context, now_ms),
        **({f"{WRITEBACK}{landed.kind}": landed.started_ms} if landed is not None else {}),
    }


def _stage(view: DeviceView, context: Context, now_ms: int) -> Mapping[str, int]:
    computer = view.computer
    if not context.devices_collected:
        return {}  # the first reading tells of computers before it tells of their devices
    found = view.stage(now_ms, context.thresholds.device_stale_ms)
    if computer is None or found is None or computer.outside(now_ms, context.thresholds.computer_seen_ms):
        return {}
    stage, since_ms = found
    if stage in JOINED:
        return {}
    return {str(stage): since_ms, JOINING: computer.ready_since_ms(now_ms)}


def _flow(view: ObjectView, context: Context, _now_ms: int) -> Mapping[str, int]:
    """Attributes that we saw change and the cloud does not show yet; "object" for one that it does not have yet."""
    ours = [side for side in view.ad if side.party.in_scope]
    if len(ours) != 1:
        return {}
    if not view.entra:
        # Before the cloud was read whole, its silence says nothing.
        return {OBJECT: ours[0].created_ms} if ours[0].created_ms and context.collected else {}
    return {each.attribute: each.since_ms for each in differences(view, domains_of(context)) if each.seen}


def _arrived(view: ObjectView, what: str, since_ms: int) -> bool:
    """Whether a wait that is over ended in the cloud, rather than by a change in AD or of what we compare."""
    pair = partners(view)
    if pair is None or pair[1].attributes.get("onPremisesProvisioningErrors"):  # left, or perhaps in quarantine
        return False
    return what == OBJECT or pair[0].since_ms(*SOURCES.get(what, ())) == since_ms


def _forest(view: AnyView) -> str | None:
    if isinstance(view, DeviceView):
        return (view.computer.party.forest or "none") if view.computer is not None else None
    if isinstance(view, ObjectView):
        return next((side.party.forest or "none" for side in view.ad if side.party.in_scope), None)
    return None


def _kind(view: AnyView) -> str:
    return view.kind if isinstance(view, ObjectView) else "other"


_WAITS: dict[type[Any], Callable[[Any, Context, int], Mapping[str, int]]] = {
    DeviceView: _stage,
    UserView: _user,
    GroupView: _flow,
    ContactView: _flow,
}
