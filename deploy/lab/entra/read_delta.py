"""`/users/delta` and its siblings.

Source: Microsoft Graph, "Use delta query to track changes"; every rule of the lab's
reference for delta: one link per page, `$select` kept in the tokens, partial objects,
`$deltatoken=latest`, return=minimal, removals of both kinds, members spread over pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from deploy.lab.entra.change_log import ChangeLog
from deploy.lab.entra.delta_pages import DeltaPage, Visibility
from deploy.lab.entra.delta_token import DeltaRound, decode, encode, sync_state_not_found
from deploy.lab.entra.faults import Fault
from deploy.lab.entra.filter_parser import parse
from deploy.lab.entra.filters import Leaf, Logic, Node, leaves
from deploy.lab.entra.messages import Answer, Call, GraphError, answer, bad_request
from deploy.lab.entra.paging import page_token_expired
from deploy.lab.entra.schema import BY_SEGMENT, KindSchema
from deploy.lab.entra.service import GraphService

_MAX_IDS: Final = 50
_LINKS: Final = {"group": ("members",), "user": ("manager",)}
_REFUSED_OPTIONS: Final = ("top", "orderby", "search", "count", "skip")


def delta(service: GraphService, call: Call, groups: tuple[str, ...]) -> Answer:
    """Answer one delta call: a first call, a nextLink or a deltaLink."""
    schema = BY_SEGMENT[groups[0]]
    path = f"/{schema.segment}/delta"
    call.tenant.purge()
    delta_round = _round(service, call, schema, path)
    partial = service.faults.standing("partial", path) if delta_round.full else []
    if service.faults.take("empty_page", path) is not None:
        return _page(call, path, delta_round, [], done=False)
    page = DeltaPage(call.tenant, delta_round, service.limits, _visibility(service, call, schema, partial))
    if page.done:
        for fault in partial:
            service.faults.use(fault)
    return _page(call, path, page.round, page.items, done=page.done)


def _round(service: GraphService, call: Call, schema: KindSchema, path: str) -> DeltaRound:
    options, now = call.options, call.tenant.clock()
    select = _selection(call, schema)
    if token := options.get("skiptoken"):
        if service.faults.take("page_token_expired", path) is not None:
            page_token_expired()
        if select is not None:
            bad_request("$select is not supported together with $skiptoken.")
        return decode(token, schema.kind, call.tenant)
    token = options.get("deltatoken", "")
    if token.lower() == "latest":
        last = _horizon(service, call, schema)
        last = call.tenant.collections[schema.kind].log.last if last is None else last
        return DeltaRound(schema.kind, last, last, False, now, select=select)
    if token:
        _lose(service, call, path)
        found = decode(token, schema.kind, call.tenant)
        minimal = "return=minimal" in call.headers.get("prefer", "").replace(" ", "").lower()
        return replace(found, minimal=minimal, select=select or found.select)
    for name in _REFUSED_OPTIONS:
        if name in options:
            bad_request(f"Invalid request for delta query: ${name} is not supported.")
    if options.get("expand", "members") != "members" or ("expand" in options and schema.kind != "group"):
        bad_request(f"Invalid request for delta query: $expand={options['expand']} is not supported.")
    return DeltaRound(schema.kind, 0, 0, True, now, select=select, ids=_ids(options))


def _lose(service: GraphService, call: Call, path: str) -> None:
    """Raise what an armed fault says about the client's delta token."""
    if service.faults.take("sync_state_not_found", path) is not None:
        raise sync_state_not_found()
    if service.faults.take("gone", path) is not None:
        location = f"{call.origin}/{call.version}{path}?$deltatoken="
        message = "Resync required. The delta token can no longer be used; restart with a full synchronization."
        raise GraphError(410, "resyncRequired", message, {"Location": location})


def _selection(call: Call, schema: KindSchema) -> tuple[str, ...] | None:
    names = call.selected()
    if names is None:
        return None
    refused = [name for name in names if name in schema.refused_in_delta]
    if refused:
        bad_request(
            "Invalid request for delta query: for this entity set, $expand/$select is not supported"
            f" for the following properties: {', '.join(refused)}"
        )
    extra = {"id", *_LINKS.get(schema.kind, ())}
    for name in names:
        if not schema.tells(name, beta=call.beta) and name not in extra and not name.startswith("extension_"):
            bad_request(f"Could not find a property named '{name}' on type '{schema.odata_type.removeprefix('#')}'.")
    return names


def _ids(options: Mapping[str, str]) -> tuple[str, ...] | None:
    """Read the only `$filter` delta takes: up to fifty times `id eq '...'`, joined by `or`."""
    if "filter" not in options:
        return None
    try:
        node = parse(options["filter"])
    except ValueError as error:
        bad_request(str(error))
    found = list(leaves(node))
    if not _any_of(node) or any(leaf.path != ("id",) or leaf.op != "eq" for leaf in found):
        bad_request("Invalid request for delta query: $filter takes only id eq conditions joined by or.")
    if len(found) > _MAX_IDS:
        bad_request(f"Invalid request for delta query: $filter takes at most {_MAX_IDS} ids.")
    return tuple(str(leaf.value) for leaf in found)


def _any_of(node: Node) -> bool:
    if isinstance(node, Logic):
        return node.op == "or" and all(_any_of(part) for part in node.parts)
    return isinstance(node, Leaf)


def _horizon(service: GraphService, call: Call, schema: KindSchema) -> int | None:
    delay = service.faults.replication_delay_s
    if not delay:
        return None
    visible = ChangeLog.at(call.tenant.clock() - int(delay * 1000))
    return min(visible, call.tenant.collections[schema.kind].log.last)


def _visibility(service: GraphService, call: Call, schema: KindSchema, partial: list[Fault]) -> Visibility:
    return Visibility(
        horizon=_horizon(service, call, schema),
        unnoticed=service.faults.hidden_in_delta,
        hides=(lambda object_id: any(fault.hides(object_id) for fault in partial)) if partial else None,
        restore_needs_select=service.faults.narrow_select_hides_restore,
    )


def _page(call: Call, path: str, delta_round: DeltaRound, items: list[dict[str, object]], *, done: bool) -> Answer:
    names = "" if delta_round.select is None else f"({','.join(dict.fromkeys(('id', *delta_round.select)))})"
    body: dict[str, object] = {"@odata.context": call.context(path[1:].removesuffix("/delta") + names)}
    now = call.tenant.clock()
    if done:
        ended = delta_round.ended(now)
        body["@odata.deltaLink"] = call.link(path, {"deltatoken": encode(ended, call.tenant)})
    else:
        following = replace(delta_round, issued_ms=now)
        body["@odata.nextLink"] = call.link(path, {"skiptoken": encode(following, call.tenant)})
    body["value"] = items
    if delta_round.minimal:
        return answer(body, Preference_Applied="return=minimal")
    return answer(body)
