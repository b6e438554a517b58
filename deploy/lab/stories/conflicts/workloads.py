"""Trouble behind the export: a workload that refuses an object, and a member that never arrives."""

from __future__ import annotations

from deploy.lab.entra.graph_time import graph_time
from deploy.lab.stories.cast import Cast
from deploy.lab.stories.story import Step

_DETAIL = (
    "<ServiceInstance><ObjectErrors><ErrorRecord><ErrorCode>ExB10B67</ErrorCode><ErrorDescription>"
    "The value of msExchMailboxGuid is already used by another mailbox.</ErrorDescription></ErrorRecord>"
    "</ObjectErrors></ServiceInstance>"
)


def plots(cast: Cast) -> list[Step]:
    return [*_exchange(cast), *_member_out_of_scope(cast)]


def _exchange(cast: Cast) -> list[Step]:
    person = cast.person()
    found = cast.cloud_object(person.guid)
    if found is None:
        raise LookupError(f"{person.name} has no cloud object")
    anchor = str(found.properties["onPremisesImmutableId"])

    def report(*, resolved: bool) -> None:
        error = {
            "@odata.type": "#microsoft.graph.serviceProvisioningXmlError",
            "createdDateTime": graph_time(cast.cloud.clock()),
            "isResolved": resolved,
            "serviceInstance": "exchange/eurp01-007-01",
            "errorDetail": _DETAIL,
        }
        cast.cloud.upsert("user", found.id, {"serviceProvisioningErrors": [error]})

    return [
        Step(
            name="Exchange refuses",
            at_min=40,
            told=f"Exchange Online cannot provision {person.name}",
            act=lambda: report(resolved=False),
            opens=[cast.about_user("service_provisioning_error", anchor)],
        ),
        Step(
            name="Exchange refuses repaired",
            at_min=86,
            told="Exchange Online resolves the error",
            act=lambda: report(resolved=True),
            repairs=["Exchange refuses"],
        ),
    ]


def _member_out_of_scope(cast: Cast) -> list[Step]:
    store = cast.main.store
    service = store.find_account("svc-0000")
    group = store.find_account("dl-sales")
    if service is None or group is None or service.sid is None:
        raise LookupError("the organisation has no service account or no group")
    member = service.guid
    return [
        Step(
            name="member out of scope",
            at_min=42,
            told=f"{service.first('displayName')}, which is never synchronised, joins {group.first('displayName')}",
            act=lambda: store.add_values(group.guid, "member", member),
            opens=[cast.about_sid("reference_to_unsynced_object", service.sid)],
        ),
        Step(
            name="member out of scope repaired",
            at_min=88,
            told="it leaves again",
            act=lambda: store.remove_values(group.guid, "member", member),
            repairs=["member out of scope"],
        ),
    ]
