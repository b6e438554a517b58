"""`/auditLogs/directoryAudits`, `/provisioning` and `/signIns`: filters, order and paging.

Source: Microsoft Graph, list operations of the three resources: time filters are `ge` and
`le` for audits and sign-ins, `gt` and `lt` for provisioning; a page holds at most 1000 rows.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from itertools import islice
from typing import Any, Final, cast

from deploy.lab.entra.activity import TIME_PROPERTY, LogName
from deploy.lab.entra.filter_parser import parse
from deploy.lab.entra.filters import Leaf, Node, leaves, matches
from deploy.lab.entra.messages import Answer, Call, GraphError, answer, bad_request
from deploy.lab.entra.paging import page_size
from deploy.lab.entra.service import GraphService

_EXAMINE: Final = 20_000
_LIMIT: Final = 1000
_AUDIT_NAMES: Final = "category loggedByService correlationId result id"
_PROVISIONING_NAMES: Final = (
    "activityDateTime id jobId cycleId changeId tenantId provisioningAction durationInMilliseconds"
    " provisioningStatusInfo servicePrincipal initiatedBy sourceSystem targetSystem sourceIdentity"
    " targetIdentity"
)
_SIGN_IN_NAMES: Final = (
    "id userId userPrincipalName userDisplayName appId appDisplayName correlationId ipAddress"
    " clientAppUsed conditionalAccessStatus status location deviceDetail resourceId resourceDisplayName"
)
_TIMES: Final = frozenset({"eq", "ge", "le"})
_TEXTS: Final = frozenset({"eq", "startswith"})
_FILTERS: Final[Mapping[LogName, Mapping[str, frozenset[str]]]] = {
    "directoryAudits": {
        **dict.fromkeys(_AUDIT_NAMES.split(), frozenset({"eq"})),
        **dict.fromkeys(("activityDisplayName", "initiatedBy", "targetResources"), _TEXTS),
        "activityDateTime": _TIMES,
    },
    "provisioning": dict.fromkeys(_PROVISIONING_NAMES.split(), frozenset({"eq", "contains", "gt", "lt"})),
    "signIns": {**dict.fromkeys(_SIGN_IN_NAMES.split(), _TEXTS), "createdDateTime": _TIMES},
}


def list_log(service: GraphService, call: Call, groups: tuple[str, ...]) -> Answer:
    """Answer one page of a log."""
    name = cast(LogName, groups[0])
    if name == "signIns" and not call.tenant.profile.premium:
        raise GraphError(
            403,
            "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
            "Neither tenant is B2C or tenant doesn't have premium license",
        )
    log, node = call.tenant.logs[name], _condition(call, name)
    top, after = page_size(call, default=_LIMIT, limit=_LIMIT), _position(call)
    rows = log.oldest_first(after) if _ascending(call, name) else log.newest_first(after)
    value: list[dict[str, Any]] = []
    last, full = after, False
    for row in islice(rows, _EXAMINE):
        if full := len(value) == top:
            break
        last = (row.at, row.serial)
        item = row.item()
        if node is None or matches(node, item, fold=name != "provisioning"):
            value.append(item)
    else:
        full = next(rows, None) is not None
    body: dict[str, Any] = {"@odata.context": call.context(f"auditLogs/{name}")}
    if full and last is not None:
        token = base64.urlsafe_b64encode(f"{last[0]}_{last[1]}".encode()).decode().rstrip("=")
        kept = {option: text for option, text in call.options.items() if option != "skiptoken"}
        body["@odata.nextLink"] = call.link(call.path, {**kept, "skiptoken": token})
    body["value"] = value
    return answer(body)


def get_row(service: GraphService, call: Call, groups: tuple[str, ...]) -> Answer:
    """Answer one row by id."""
    name = cast(LogName, groups[0])
    for row in call.tenant.logs[name].newest_first():
        item = row.item()
        if item["id"] == groups[1]:
            return answer({"@odata.context": call.context(f"auditLogs/{name}/$entity"), **item})
    raise GraphError(404, "ResourceNotFound", f"No row '{groups[1]}' in {name}.")


def _condition(call: Call, name: LogName) -> Node | None:
    if not (text := call.options.get("filter")):
        return None
    try:
        node = parse(text)
    except ValueError as error:
        bad_request(f"Invalid filter clause: {error}")
    for leaf in leaves(node):
        _check(leaf, name)
    return node


def _check(leaf: Leaf, name: LogName) -> None:
    allowed = _FILTERS[name].get(leaf.path[0])
    if allowed is None:
        bad_request(f"Invalid filter clause: '{'/'.join(leaf.path)}' cannot be filtered on.")
    if leaf.op not in allowed:
        bad_request(f"Unsupported Query. '{leaf.op}' is not supported on {'/'.join(leaf.path)}.", "UnsupportedQuery")
    if leaf.path[0] == "deviceDetail" and leaf.path[1:] not in (("browser",), ("operatingSystem",)):
        bad_request(f"Invalid filter clause: '{'/'.join(leaf.path)}' cannot be filtered on.")
    if leaf.path[0] == TIME_PROPERTY[name] and not leaf.is_time:
        bad_request("Invalid filter clause: a time is written without quotes.")


def _ascending(call: Call, name: LogName) -> bool:
    order = call.options.get("orderby", "").split()
    if not order:
        return False
    if order[0] != TIME_PROPERTY[name] or order[1:] not in ([], ["asc"], ["desc"]):
        bad_request(f"$orderby takes only {TIME_PROPERTY[name]}.", "UnsupportedQuery")
    return order[1:] != ["desc"]


def _position(call: Call) -> tuple[int, int] | None:
    token = call.options.get("skiptoken", "")
    if not token:
        return None
    try:
        at, _, serial = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode().partition("_")
        return int(at), int(serial)
    except (binascii.Error, ValueError):
        bad_request("Badly formed token.")
