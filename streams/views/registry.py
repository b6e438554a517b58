"""Every view class, by the first part of its keys."""

from __future__ import annotations

from streams.views.address import AddressView
from streams.views.device import DeviceView
from streams.views.directory_object import ContactView, GroupView, UserView
from streams.views.forest import ForestView
from streams.views.host import HostView
from streams.views.member_drift import MemberDriftView
from streams.views.membership import MembershipView
from streams.views.password_trace import PasswordTraceView
from streams.views.person import PersonView
from streams.views.reference import ReferenceView
from streams.views.server import ServerView
from streams.views.tenant import TenantView
from streams.views.unique_value import UniqueValueView
from streams.views.writeback import WrittenDeviceView, WrittenGroupView

AnyView = (
    AddressView
    | UserView
    | GroupView
    | ContactView
    | DeviceView
    | ForestView
    | HostView
    | MemberDriftView
    | MembershipView
    | PasswordTraceView
    | PersonView
    | ReferenceView
    | ServerView
    | TenantView
    | UniqueValueView
    | WrittenDeviceView
    | WrittenGroupView
)

VIEW_CLASSES: dict[str, type[AnyView]] = {
    "address": AddressView,
    "user": UserView,
    "group": GroupView,
    "contact": ContactView,
    "device": DeviceView,
    "forest": ForestView,
    "host": HostView,
    "member_drift": MemberDriftView,
    "membership": MembershipView,
    "person": PersonView,
    "reference": ReferenceView,
    "server": ServerView,
    "tenant": TenantView,
    "trace": PasswordTraceView,
    "value": UniqueValueView,
    "written_device": WrittenDeviceView,
    "written_group": WrittenGroupView,
}


def view_class(key: str) -> type[AnyView] | None:
    """The class of the view with this key; None for a kind this version does not know."""
    return VIEW_CLASSES.get(key.partition("/")[0])
