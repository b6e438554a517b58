"""Synchronised cloud objects that no AD object stands behind, by kind; they have no forest."""

from __future__ import annotations

from collections.abc import Iterable

from streams.detections.detection import Context
from streams.measures.family import CountFamily
from streams.views.device.device_view import DeviceView
from streams.views.identity.object_view import ContactView, GroupView, ObjectView, UserView, is_orphan

COUNT = CountFamily(
    metric="synchealth_flow_orphans",
    help="Synchronised cloud objects of which no forest that we read has an AD side, nor had one lately, by kind.",
    labels=("forest", "kind"),
    views=(UserView, GroupView, ContactView, DeviceView),
    told=True,
)


def count(view: ObjectView | DeviceView, _context: Context, _now_ms: int) -> Iterable[tuple[str, ...]]:
    """One for each of them."""
    if isinstance(view, DeviceView):
        return (("none", "device"),) if view.is_orphan else ()
    return (("none", view.kind),) if is_orphan(view) else ()
