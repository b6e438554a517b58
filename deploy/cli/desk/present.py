"""An object by any of its names: what both directories say of it, and where its last change stands on its way.

Read from the workers' own tables (their compacted changelogs), and compared by the very rules that findings come from.
The whole of both tables is read, as nothing in Kafka is kept by name: some seconds with hundreds of thousands.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from sinks.desk.pipeline import LastSync
from sinks.desk.portal import GUID
from sinks.desk.presence import Presence, Present, Waiting
from streams.agents.scopes import scopes_of
from streams.contracts.codec import decode
from streams.contracts.errors import InvalidRecordError
from streams.contracts.facts import TenantState
from streams.contracts.identity import guid_of_immutable_id, immutable_id_of_guid
from streams.contracts.times import age, rfc3339, time_in
from streams.contracts.topics import AD_OBJECTS, ENTRA_OBJECTS, ENTRA_TENANT
from streams.contracts.words import in_words
from streams.detections.detection import context_of
from streams.detections.domains import domains_of
from streams.directory.addresses import fold_proxy_address
from streams.directory.matching import own_view_key, sid_of
from streams.directory.object_row import OBJECT, load_objects
from streams.directory.party import MEMBERSHIP_UNKNOWN, source_anchor
from streams.directory.scope import scope_of
from streams.directory.state import ObjectState
from streams.runtime.clock import now_ms
from streams.runtime.settings import KafkaSettings, Settings
from streams.runtime.topic_reader import TopicReader
from streams.views.contributions import contributions_of, contributor_of
from streams.views.identity.expected_export import Difference, differences
from streams.views.identity.object_view import ObjectView
from streams.views.registry import view_class
from streams.views.view import Entry

MOST = 20
"""Identities that are told where a name fits more."""
_SHORTEST = 3
_NAMES = ("userPrincipalName", "onPremisesUserPrincipalName", "mail", "distinguishedName", "objectSid", "displayName",
          "onPremisesDistinguishedName", "onPremisesSecurityIdentifier", "sAMAccountName", "onPremisesSamAccountName",
          "name", "dNSHostName", "deviceId", "mailNickname")  # fmt: skip
_OUTSIDE = {
    "ou_excluded": "its organisational unit is excluded", "ou_not_included": "its organisational unit is not included",
    "other_tenant": "another tenant has it", "no_join_attribute": "it lacks the attribute by which users are joined",
    MEMBERSHIP_UNKNOWN: "groups decide: whether it is a member is not told here",
}  # fmt: skip


def presences(settings: Settings, name: str) -> list[Presence]:
    """Every identity that goes by `name`: UPN, any address, DN, objectGUID, Entra id, SID, anchor, account, device.

    In any case, and whole. At most MOST. Raises InvalidRecordError for a name that is too short, RetriableError where
    Kafka cannot be read.
    """
    name = name.strip()
    if len(name) < _SHORTEST:
        raise InvalidRecordError("value", f"{name!r} is too short a name to look for")
    wanted = {each.lower() for each in (name, guid_of_immutable_id(name)) if each}
    found = {each.identity: each for each in _states(settings.kafka, wanted) if wanted & names_of(each)}
    chosen = dict(list(found.items())[: 2 * MOST])
    views = {key for each in chosen.values() if (key := own_view_key(each)) is not None}
    others = {key.lower() for each in chosen.values() for key in _keys(each)}
    if others:
        for each in _states(settings.kafka, others):
            if own_view_key(each) in views:
                chosen[each.identity] = each
    return by_identity(settings, chosen.values(), _tenants(settings.kafka))


def by_identity(
    settings: Settings, states: Iterable[ObjectState], tenants: Mapping[str, TenantState]
) -> list[Presence]:
    """The objects by what both sides meet under, MOST at most. Pure."""
    groups: dict[str, list[ObjectState]] = {}
    for each in states:
        groups.setdefault(own_view_key(each) or each.identity, []).append(each)
    return [_presence(settings, key, group, tenants) for key, group in list(groups.items())[:MOST]]


def cycles(settings: Settings) -> dict[str, LastSync]:
    """Tenant -> its last synchronisation, and when the next is due. Raises RetriableError while Kafka is away."""
    interval_ms = int(settings.detections.sync_interval_s * 1000)
    found: dict[str, LastSync] = {}
    for tenant, state in _tenants(settings.kafka).items():
        last_ms = time_in(state.organization or {}, "onPremisesLastSyncDateTime", 0)
        if last_ms:
            found[tenant] = LastSync(last_ms, last_ms + interval_ms)
    return found


def names_of(state: ObjectState) -> set[str]:
    """Everything that an object is called by, in lower case."""
    found = {state.object_id, source_anchor(state), *map(state.text, _NAMES)}
    addresses = (fold_proxy_address(value) for value in state.texts("proxyAddresses"))
    found |= {each.folded for each in addresses if each is not None}
    host = state.text("dNSHostName")
    if host:
        found.add(host.partition(".")[0])
    names = {each.lower() for each in found if each}
    return names | {each.removeprefix("smtp:") for each in names}


def _keys(state: ObjectState) -> Iterator[str]:
    """What the row of the other side would hold."""
    anchor, sid = source_anchor(state), sid_of(state)
    if anchor:
        yield anchor
        guid = guid_of_immutable_id(anchor)
        if guid:
            yield guid
    if state.side == "ad" and GUID.fullmatch(state.object_id):
        yield immutable_id_of_guid(state.object_id)
        yield state.object_id
    yield from filter(None, (sid, state.text("deviceId"), state.text("mail")))


def _states(kafka: KafkaSettings, words: Collection[str]) -> Iterator[ObjectState]:
    """The objects in whose rows one of the words (in lower case) occurs, as the workers know them now."""
    plain = [word.encode() for word in words] if all(word.isascii() for word in words) else None
    rows: dict[bytes, bytes] = {}
    start = OBJECT.encode()
    with TopicReader(kafka, [AD_OBJECTS, ENTRA_OBJECTS]) as reader:
        for record in reader.to_end():
            key, value = record.key, record.value
            if key is None or not key.startswith(start):
                continue
            if value is None or not _holds(key + value, plain, words):
                rows.pop(key, None)
            else:
                rows[key] = value
    for value in rows.values():
        try:
            yield from load_objects(value)
        except InvalidRecordError:
            continue  # what the workers cannot read either is set right by them


def _holds(row: bytes, plain: list[bytes] | None, words: Collection[str]) -> bool:
    if plain is not None:
        folded = row.lower()
        return any(word in folded for word in plain)
    text = row.decode(errors="replace").lower()
    return any(word in text for word in words)


def _tenants(kafka: KafkaSettings) -> dict[str, TenantState]:
    found: dict[str, TenantState] = {}
    with TopicReader(kafka, [ENTRA_TENANT]) as reader:
        for record in reader.to_end():
            if record.value is not None:
                try:
                    state = decode(record.value, TenantState)
                except InvalidRecordError:
                    continue
                found[state.tenant] = state
    return found


def _presence(settings: Settings, key: str, states: list[ObjectState], tenants: Mapping[str, TenantState]) -> Presence:
    states = sorted(states, key=lambda each: (each.side, not each.alive, each.identity))
    tenant = tenants.get(states[0].tenant)
    last_ms = time_in(tenant.organization or {}, "onPremisesLastSyncDateTime", 0) if tenant else 0
    sides = [_present(settings, each) for each in states]
    waiting = _differences(settings, key, states, tenant)
    standing, following = _way(sides, waiting, last_ms, settings.detections.sync_interval_s)
    refused = [text for each in states for text in _refused(each)]
    if refused:
        standing += f"; Entra ID keeps in quarantine: {', '.join(refused)}"
    return Presence(
        name=sides[0].name,
        sides=sides,
        waiting=[
            Waiting(
                attribute=each.attribute, wanted=in_words(each.wanted), found=in_words(each.found),
                since=rfc3339(each.since_ms),
            )
            for each in waiting
        ],
        standing=standing,
        next_export=following,
        last_sync_at=rfc3339(last_ms) if last_ms else None,
    )  # fmt: skip


def _present(settings: Settings, state: ObjectState) -> Present:
    scope = scope_of(scopes_of(settings), state.tenant, state.forest)
    reason = scope.reason_outside(state) if state.side == "ad" else None
    shown = {
        name: in_words(value)
        for name, value in sorted(state.attributes.items())
        if not name.startswith("@") and value not in (None, "", [])
    }
    return Present(
        side=state.side,
        kind=state.kind.value if state.kind else "object",
        id=state.object_id,
        name=next(filter(None, map(state.text, ("displayName", "userPrincipalName", "name"))), state.object_id),
        tenant=state.tenant,
        forest=state.forest,
        alive=state.alive,
        changed_at=rfc3339(state.changed_ms),
        outside=_OUTSIDE.get(reason, reason.replace("_", " ")) if reason else None,
        attributes=shown,
    )


def _refused(state: ObjectState) -> Iterator[str]:
    """What Entra ID has quarantined of an object (Microsoft Graph, onPremisesProvisioningError)."""
    reported = state.attributes.get("onPremisesProvisioningErrors")
    for each in reported if isinstance(reported, list) else []:
        if isinstance(each, dict) and isinstance(each.get("value"), str):
            yield f"{each.get('propertyCausingError') or 'a value'} {each['value']}"


def _differences(
    settings: Settings, key: str, states: Iterable[ObjectState], tenant: TenantState | None
) -> tuple[Difference, ...]:
    """By the rules of flow.stale_in_cloud and its like."""
    kind = view_class(key)
    if tenant is None or kind is None or not issubclass(kind, ObjectView):
        return ()
    scopes = scopes_of(settings)
    entries = {}
    for state in states:
        body = contributions_of(state, scope_of(scopes, state.tenant, state.forest)).get(key)
        if body is not None:
            name = contributor_of(state)
            entries[name] = Entry(key, name, state.changed_ms, body)
    flows = next((each.flows for each in settings.tenant if each.id == tenant.tenant), {})
    context = context_of(tenant.tenant, tenant, int(settings.detections.sync_interval_s * 1000), flows=flows)
    return differences(kind.build(key, entries), domains_of(context))


def _way(
    sides: list[Present], waiting: Collection[Difference], last_ms: int, interval_s: float
) -> tuple[str, list[str]]:
    """Where its last change stands, and what the next synchronisation does."""
    ours = [each for each in sides if each.side == "ad" and each.alive]
    gone = [each for each in sides if each.side == "ad" and not each.alive]
    cloud = [each for each in sides if each.side == "entra" and each.alive]
    inside = [each for each in ours if each.outside in (None, _OUTSIDE[MEMBERSHIP_UNKNOWN])]
    when = "the next synchronisation"
    if last_ms:
        due_s = interval_s - (now_ms() - last_ms) / 1000
        when += f", due in {age(due_s)}" if due_s > 0 else f", which is {age(-due_s)} late"
    if inside and cloud and waiting:
        names = ", ".join(sorted({each.attribute for each in waiting}))
        return f"{len(waiting)} attributes are on their way: {names}", [f"{when}, writes them to Entra ID"]
    if inside and cloud:
        return "both directories agree on what is compared", ["nothing is left to be written"]
    if inside:
        return "it is in Active Directory alone", [f"{when}, creates it in Entra ID, or joins it to what matches"]
    if ours and not cloud:
        return f"it is not synchronised: {ours[0].outside}", ["nothing: it is out of scope"]
    if ours:
        what = f"it is out of scope ({ours[0].outside}), and still in Entra ID"
        return what, [f"{when}, deletes it in Entra ID if it is synchronised there"]
    if gone and cloud:
        what = "it is deleted in Active Directory, and still in Entra ID"
        return what, [f"{when}, deletes it in Entra ID if it is synchronised there"]
    if cloud:
        return "it is in Entra ID alone, as far as the forests are read", ["nothing: no forest has an object for it"]
    return "it is deleted on every side that knows it", []
