"""Keys of views: "<kind>/<tenant>/<what is asked about>". One constructor a kind; a view key is spelt nowhere else.

The tenant never holds a slash; what follows it may.
"""

from __future__ import annotations

from enum import StrEnum


class ViewKind(StrEnum):
    """The kinds of views (streams.views.registry)."""

    ADDRESS = "address"
    CONTACT = "contact"
    DEVICE = "device"
    FOREST = "forest"
    GROUP = "group"
    HOST = "host"
    MEMBERSHIP = "membership"
    MEMBER_DRIFT = "member_drift"
    PERSON = "person"
    REFERENCE = "reference"
    SCOPING = "scoping"
    SERVER = "server"
    TENANT = "tenant"
    TRACE = "trace"
    USER = "user"
    VALUE = "value"
    WRITTEN_DEVICE = "written_device"
    WRITTEN_GROUP = "written_group"


def kind_of(key: str) -> str:
    """The kind of a view by its key; of a version that knows more kinds it is none of ViewKind."""
    return key.partition("/")[0]


def tenant_of(key: str) -> str:
    """The tenant in a view's key."""
    return key.split("/", 2)[1]


def rest_of(key: str) -> str:
    """What stands behind kind and tenant; "" in the key of a tenant's own view."""
    return key.partition("/")[2].partition("/")[2]


def address(tenant: str, folded: str) -> str:
    """Who claims this address (streams.directory.addresses)."""
    return f"{ViewKind.ADDRESS}/{tenant}/{folded}"


def contact(tenant: str, primary: str) -> str:
    """A contact, by its folded primary address."""
    return f"{ViewKind.CONTACT}/{tenant}/{primary}"


def device(tenant: str, guid: str) -> str:
    """A computer and its devices, by objectGUID and deviceId, in lower case."""
    return f"{ViewKind.DEVICE}/{tenant}/{guid.lower()}"


def forest(tenant: str, name: str) -> str:
    """A forest, by its DNS name."""
    return f"{ViewKind.FOREST}/{tenant}/{name}"


def group(tenant: str, sid: str) -> str:
    """A group, by its SID."""
    return f"{ViewKind.GROUP}/{tenant}/{sid}"


def host(tenant: str, name: str) -> str:
    """Whatever goes by one computer's name."""
    return f"{ViewKind.HOST}/{tenant}/{name.strip().lower()}"


def membership(tenant: str, entra_id: str) -> str:
    """The groups that hold an object in the cloud, by its id there."""
    return f"{ViewKind.MEMBERSHIP}/{tenant}/{entra_id}"


def member_drift(tenant: str, group_name: str, part: str) -> str:
    """A part of a group's members whose membership stands on one side."""
    return f"{ViewKind.MEMBER_DRIFT}/{tenant}/{group_name}/{part}"


def person(tenant: str, name: str) -> str:
    """Who is one person, by "<attribute>:<value>" (streams.directory.person)."""
    return f"{ViewKind.PERSON}/{tenant}/{name}"


def reference(tenant: str, sid: str) -> str:
    """A security principal and who points at it, by its SID."""
    return f"{ViewKind.REFERENCE}/{tenant}/{sid}"


def scoping(tenant: str, identity: str) -> str:
    """An AD object and the scoping groups that hold it, by "<objectGUID>@<forest>"."""
    return f"{ViewKind.SCOPING}/{tenant}/{identity}"


def server(tenant: str, name: str) -> str:
    """A server, by its short name, in lower case; with its domain where two share the name."""
    return f"{ViewKind.SERVER}/{tenant}/{name}"


def tenant(tenant_id: str) -> str:
    """A tenant."""
    return f"{ViewKind.TENANT}/{tenant_id}"


def trace(tenant: str, server_name: str, slot: int) -> str:
    """What a server logged of passwords in one slot of time."""
    return f"{ViewKind.TRACE}/{tenant}/{server_name}/{slot}"


def user(tenant: str, source_anchor: str) -> str:
    """A user, by the immutableId."""
    return f"{ViewKind.USER}/{tenant}/{source_anchor}"


def value(tenant: str, attribute: str, folded: str) -> str:
    """Who holds a value that must be unique and is no address, by its folded form."""
    return f"{ViewKind.VALUE}/{tenant}/{attribute}/{folded}"


def written_device(tenant: str, device_id: str) -> str:
    """A device that is written back into AD, by its deviceId, in lower case."""
    return f"{ViewKind.WRITTEN_DEVICE}/{tenant}/{device_id.lower()}"


def written_group(tenant: str, entra_id: str) -> str:
    """A group that is written back into AD, by its id in the cloud."""
    return f"{ViewKind.WRITTEN_GROUP}/{tenant}/{entra_id}"
