"""Every view class, by the first part of its keys."""

from __future__ import annotations

from streams.views.address.address_view import AddressView
from streams.views.address.unique_value_view import UniqueValueView
from streams.views.device.device_view import DeviceView
from streams.views.device.host_view import HostView
from streams.views.identity.object_view import ContactView, GroupView, UserView
from streams.views.identity.person_view import PersonView
from streams.views.installation.forest_view import ForestView
from streams.views.installation.server_view import ServerView
from streams.views.installation.tenant_view import TenantView
from streams.views.membership.member_drift_view import MemberDriftView
from streams.views.membership.membership_view import MembershipView
from streams.views.membership.reference_view import ReferenceView
from streams.views.membership.scoping_view import GroupScopeView
from streams.views.password.traces import PasswordTraceView
from streams.views.writeback.writeback_view import WrittenDeviceView, WrittenGroupView

AnyView = (
    AddressView
    | UserView
    | GroupView
    | ContactView
    | DeviceView
    | ForestView
    | GroupScopeView
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
    "scoping": GroupScopeView,
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
