"""Lists and single reads of users, groups, contacts and devices, and what hangs on them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import orjson

from deploy.lab.entra.change_log import LIVE, Entry
from deploy.lab.entra.collection import Collection
from deploy.lab.entra.messages import Answer, Call, answer, bad_request, not_found
from deploy.lab.entra.object_query import accepts, condition, context, matching, pool, selection
from deploy.lab.entra.paging import next_link, page_position, page_size
from deploy.lab.entra.schema import BY_SEGMENT, KindSchema, shown
from deploy.lab.entra.service import GraphService

_EXAMINE: Final = 20_000
_MAX_IDS: Final = 1000


def list_objects(service: GraphService, call: Call, groups: tuple[str, ...]) -> Answer:
    """`GET /users` and siblings, with `$select`, `$filter`, `$top`, `$count`."""
    schema = BY_SEGMENT[groups[0]]
    collection = call.tenant.collections[schema.kind]
    for name in ("orderby", "search", "expand"):
        if name in call.options:
            bad_request(f"${name} is not supported by the lab on {schema.segment}.", "Request_UnsupportedQuery")
    names, node = selection(call, schema), condition(call, schema)
    top = page_size(call, default=100, limit=999)
    position = page_position(call)
    body: dict[str, Any] = {"@odata.context": call.context(context(schema, call))}
    if call.options.get("count") == "true":
        body["@odata.count"] = sum(1 for _ in matching(collection, node, 0)) if node else len(collection)
    value: list[dict[str, Any]] = []
    last, more = position, False
    for examined, entry in enumerate(pool(collection, node, position)):
        if len(value) == top or examined == _EXAMINE:
            more = True
            break
        last = entry.seq
        if entry.state == LIVE and accepts(node, entry):
            value.append(rendered(schema, entry, names))
    if more:
        body["@odata.nextLink"] = next_link(call, last)
    body["value"] = value
    return answer(body)


def count_objects(service: GraphService, call: Call, groups: tuple[str, ...]) -> Answer:
    """`GET /users/$count`: plain text, only with `ConsistencyLevel: eventual`."""
    if call.headers.get("consistencylevel", "").lower() != "eventual":
        bad_request("$count is not currently supported.", "Request_BadRequest")
    collection = call.tenant.collections[BY_SEGMENT[groups[0]].kind]
    return Answer(200, str(len(collection)).encode(), {"Content-Type": "text/plain"})


def get_object(service: GraphService, call: Call, groups: tuple[str, ...]) -> Answer:
    """`GET /users/{id or UPN}` and siblings by id; `/devices(deviceId='...')` by device id."""
    schema, wanted = BY_SEGMENT[groups[0]], groups[1]
    collection = call.tenant.collections[schema.kind]
    entry = collection.live(wanted)
    if entry is None and schema.kind == "user" and "@" in wanted:
        entry = next(collection.find("userPrincipalName", wanted), None)
    if entry is None and schema.kind == "device" and wanted.startswith("deviceId="):
        entry = next(collection.find("deviceId", wanted.removeprefix("deviceId=")), None)
    if entry is None:
        not_found(wanted)
    head = {"@odata.context": call.context(context(schema, call) + "/$entity")}
    return answer({**head, **rendered(schema, entry, selection(call, schema))})


def sync_behavior(service: GraphService, call: Call, groups: tuple[str, ...]) -> Answer:
    """`GET /users/{id}/onPremisesSyncBehavior`: is the source of authority in the cloud?"""
    segment, wanted = groups
    if call.tenant.collections[BY_SEGMENT[segment].kind].live(wanted) is None:
        not_found(wanted)
    head = call.context(f"{segment}('{wanted}')/onPremisesSyncBehavior/$entity")
    managed = wanted in call.tenant.cloud_managed
    return answer({"@odata.context": head, "id": wanted, "isCloudManaged": managed})


def list_members(service: GraphService, call: Call, groups: tuple[str, ...]) -> Answer:
    """`GET /groups/{id}/members`, or only their references."""
    (group_id,) = groups
    if call.tenant.collections["group"].live(group_id) is None:
        not_found(group_id)
    top, start = page_size(call, default=100, limit=999), page_position(call)
    part = call.tenant.members.slice(group_id, start, top + 1)
    body: dict[str, Any] = {"@odata.context": call.context("directoryObjects")}
    if len(part) > top:
        body["@odata.nextLink"] = next_link(call, start + top)
    body["value"] = typed(call, part[:top])
    return answer(body)


def manager_of(service: GraphService, call: Call, groups: tuple[str, ...]) -> Answer:
    """`GET /users/{id}/manager`; 404 where there is none."""
    manager = call.tenant.managers.of(groups[0])
    found = typed(call, [manager]) if manager else []
    if not found:
        not_found("manager")
    return answer({"@odata.context": call.context("directoryObjects/$entity"), **found[0]})


def get_by_ids(service: GraphService, call: Call, groups: tuple[str, ...]) -> Answer:
    """`POST /directoryObjects/getByIds`: those of the named objects that are there."""
    try:
        wanted = orjson.loads(call.body)
        ids, types = list(wanted["ids"]), set(wanted.get("types") or ())
    except (ValueError, KeyError, TypeError):
        bad_request("Unable to read JSON request payload: 'ids' is required.")
    if len(ids) > _MAX_IDS:
        bad_request(f"Too many ids: at most {_MAX_IDS} are allowed.")
    value = [item for item in typed(call, ids) if not types or item["@odata.type"].rpartition(".")[2] in types]
    return answer({"@odata.context": call.context("directoryObjects"), "value": value})


def typed(call: Call, ids: Iterable[str]) -> list[dict[str, Any]]:
    """Return live objects of any kind with their `@odata.type`, in the order of the ids."""
    wanted, found = call.selected(), []
    for object_id in ids:
        kind = call.tenant.kind_of(object_id)
        collection = call.tenant.collections[kind] if kind else None
        if collection is None or (entry := collection.live(object_id)) is None:
            continue
        names = wanted or collection.schema.defaults
        known = tuple(name for name in names if name in collection.schema.properties)
        found.append({"@odata.type": collection.schema.odata_type, **rendered(collection.schema, entry, known)})
    return found


def rendered(schema: KindSchema, entry: Entry, names: tuple[str, ...]) -> dict[str, Any]:
    """Return an object as a read shows it: null or [] where nothing was ever set."""
    values = Collection.values(entry)
    item = {name: shown(name, values.get(name, schema.absent(name))) for name in names if name != "id"}
    return {**item, "id": entry.id}
