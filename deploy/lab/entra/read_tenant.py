"""Tenant-level reads: organization, domains, synchronization, deleted items, roles, jobs."""

from __future__ import annotations

from typing import Any

from deploy.lab.entra.filter_parser import parse
from deploy.lab.entra.filters import matches
from deploy.lab.entra.messages import Answer, Call, GraphError, answer, bad_request, not_found
from deploy.lab.entra.object_query import accepts, condition, context, selection
from deploy.lab.entra.paging import next_link, page_position, page_size
from deploy.lab.entra.profile import ROLES
from deploy.lab.entra.read_objects import rendered
from deploy.lab.entra.schema import SCHEMAS, Kind
from deploy.lab.entra.service import GraphService


def organization(service: GraphService, call: Call, groups: tuple[str, ...]) -> Answer:
    """`GET /organization` and `/organization/{tenant id}`."""
    item = call.tenant.profile.organization(beta=call.beta, used=call.tenant.count())
    if (names := call.selected()) is not None:
        item = {name: item[name] for name in dict.fromkeys((*names, "id")) if name in item}
    return _one_or_all(call, "organization", [item], groups)


def domains(service: GraphService, call: Call, groups: tuple[str, ...]) -> Answer:
    """`GET /domains` and `/domains/{name}`."""
    return _one_or_all(call, "domains", call.tenant.profile.domain_items(), groups)


def on_premises_synchronization(service: GraphService, call: Call, groups: tuple[str, ...]) -> Answer:
    """`GET /directory/onPremisesSynchronization`: real Graph offers it to signed-in users only."""
    if not call.caller.delegated:
        raise GraphError(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
    item = call.tenant.profile.on_premises_synchronization(beta=call.beta)
    return _one_or_all(call, "directory/onPremisesSynchronization", [item], groups)


def role_assignments(service: GraphService, call: Call, groups: tuple[str, ...]) -> Answer:
    """`GET /roleManagement/directory/roleAssignments`, with `$filter` on any of its properties."""
    items = _filtered(call, call.tenant.profile.role_items())
    return _one_or_all(call, "roleManagement/directory/roleAssignments", items, groups)


def role_definitions(service: GraphService, call: Call, groups: tuple[str, ...]) -> Answer:
    """`GET /roleManagement/directory/roleDefinitions`: the roles the lab knows."""
    items = [
        {"id": number, "displayName": name, "templateId": number, "isBuiltIn": True, "isEnabled": True}
        for name, number in ROLES.items()
    ]
    return _one_or_all(call, "roleManagement/directory/roleDefinitions", items, groups)


def service_principals(service: GraphService, call: Call, groups: tuple[str, ...]) -> Answer:
    """`GET /servicePrincipals` and `/servicePrincipals/{id}`: those of Cloud Sync, with `$filter` and `$select`."""
    items = _filtered(call, call.tenant.profile.service_principal_items())
    if (names := call.selected()) is not None:
        items = [{name: item[name] for name in dict.fromkeys((*names, "id")) if name in item} for item in items]
    return _one_or_all(call, "servicePrincipals", items, groups)


def synchronization_jobs(service: GraphService, call: Call, groups: tuple[str, ...]) -> Answer:
    """`GET /servicePrincipals/{id}/synchronization/jobs`: Cloud Sync only."""
    principal, *wanted = groups
    jobs = call.tenant.profile.jobs.get(principal)
    if jobs is None:
        not_found(principal)
    return _one_or_all(call, f"servicePrincipals('{principal}')/synchronization/jobs", jobs, tuple(wanted))


def synchronization_schema(service: GraphService, call: Call, groups: tuple[str, ...]) -> Answer:
    """`GET /servicePrincipals/{id}/synchronization/jobs/{job}/schema`: its rules, without their attribute mappings."""
    principal, job_id = groups
    if all(job["id"] != job_id for job in call.tenant.profile.jobs.get(principal, ())):
        not_found(job_id)
    schema = call.tenant.profile.schemas.get(job_id, {"synchronizationRules": []})
    context = f"servicePrincipals('{principal}')/synchronization/jobs('{job_id}')/schema/$entity"
    return answer({"@odata.context": call.context(context), **schema})


def deleted_items(service: GraphService, call: Call, groups: tuple[str, ...]) -> Answer:
    """`GET /directory/deletedItems/microsoft.graph.user` (group, and in the beta device), oldest deletion first."""
    kind = _kind(groups[0], beta=call.beta)
    schema, collection = SCHEMAS[kind], call.tenant.collections[kind]
    call.tenant.purge()
    names, node = selection(call, schema), condition(call, schema)
    top, start = page_size(call, default=100, limit=999), page_position(call)
    found = [e for object_id in collection.deleted_ms if accepts(node, e := collection.entries[object_id])]
    body: dict[str, Any] = {"@odata.context": call.context(context(schema, call))}
    if len(found) > start + top:
        body["@odata.nextLink"] = next_link(call, start + top)
    body["value"] = [rendered(schema, entry, names) for entry in found[start : start + top]]
    return answer(body)


def deleted_item(service: GraphService, call: Call, groups: tuple[str, ...]) -> Answer:
    """`GET /directory/deletedItems/{id}`."""
    (wanted,) = groups
    call.tenant.purge()
    found = (k for k, collection in call.tenant.collections.items() if collection.deleted(wanted))
    kind = next(found, None)
    entry = call.tenant.collections[kind].deleted(wanted) if kind else None
    if kind is None or entry is None:
        not_found(wanted)
    schema = SCHEMAS[kind]
    head = {"@odata.context": call.context("directoryObjects/$entity"), "@odata.type": schema.odata_type}
    return answer({**head, **rendered(schema, entry, selection(call, schema))})


def _kind(name: str, *, beta: bool) -> Kind:
    kinds: dict[str, Kind] = {"user": "user", "group": "group", "device": "device"}
    if name not in kinds or (name == "device" and not beta):
        bad_request(f"Unsupported type 'microsoft.graph.{name}' for deletedItems.")
    return kinds[name]


def _filtered(call: Call, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if not (text := call.options.get("filter")):
        return items
    try:
        node = parse(text)
    except ValueError as error:
        bad_request(f"Invalid filter clause: {error}")
    return [item for item in items if matches(node, item)]


def _one_or_all(call: Call, name: str, items: list[dict[str, Any]], groups: tuple[str, ...]) -> Answer:
    wanted = groups[0] if groups and groups[0] else None
    if wanted is None:
        return answer({"@odata.context": call.context(name), "value": items})
    item = next((item for item in items if item["id"].lower() == wanted.lower()), None)
    if item is None:
        not_found(wanted)
    return answer({"@odata.context": call.context(f"{name}/$entity"), **item})
