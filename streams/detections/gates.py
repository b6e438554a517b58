"""What a view must have before a rule can say anything of it: `Detection.only_if`, asked once for all that share it.

A gate may say yes too often, never no where its rule would speak: that would silence the rule
(tests/contract/test_gates.py).
"""

from __future__ import annotations

from streams.detections.detection import Context
from streams.detections.domains import domains_of
from streams.views.address.address_view import AddressView
from streams.views.device.device_view import DeviceView
from streams.views.identity.expected_export import differences
from streams.views.identity.object_view import GroupView, ObjectView, UserView


def in_cloud(view: ObjectView, context: Context) -> bool:
    """An object of the cloud stands in the view."""
    return bool(view.entra)


def not_in_cloud(view: ObjectView, context: Context) -> bool:
    """None does."""
    return not view.entra


def told_of(view: ObjectView, context: Context) -> bool:
    """A log tells of the object."""
    return bool(view.events)


def refused(view: ObjectView | AddressView, context: Context) -> bool:
    """A log tells of the object, or that the address was refused."""
    return view.refusal is not None if isinstance(view, AddressView) else bool(view.events)


def in_error(view: ObjectView | AddressView, context: Context) -> bool:
    """A cloud object of the view may have provisioning errors."""
    return isinstance(view, AddressView) or any(_ERRORS in side.attributes for side in view.entra)


_ERRORS = "onPremisesProvisioningErrors"


def in_service_error(view: ObjectView, context: Context) -> bool:
    """A workload of the cloud may have told of one."""
    return any("serviceProvisioningErrors" in side.attributes for side in view.entra)


def several(view: UserView | GroupView | DeviceView, context: Context) -> bool:
    """Several objects of AD stand in the view; of a computer, there may be others of its id."""
    return bool(view.namesakes) if isinstance(view, DeviceView) else len(view.ad) > 1


def differs(view: ObjectView, context: Context) -> bool:
    """What the cloud shows is not all that AD makes of the object."""
    return bool(view.ad) and bool(view.entra) and bool(differences(view, domains_of(context)))
