"""What Entra Connect would have written of an AD object, compared with what the cloud shows.

Only what both directories tell is compared, and only where the outcome is certain: what depends on the tenant's
verified domains is left alone while they are unknown, and a value in quarantine differs for a reason of its own.
Sources: Microsoft, "Microsoft Entra UserPrincipalName population"; "How the proxyAddresses attribute is populated in
Microsoft Entra ID"; "Attributes synchronized by Microsoft Entra Connect".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from streams.contracts.account_control import is_enabled
from streams.contracts.distinguished_name import dns_domain
from streams.contracts.flows import (
    BY_PROPERTY,
    COMPARED_KINDS,
    FLOWS,
    MANAGER,
    NOT_SELECTED,
    READ_BY,
    Flow,
    added_flows,
    carried,
    names_read,
)
from streams.directory.addresses import domain_of, fold_proxy_address, is_placeholder_upn
from streams.directory.engines import CLOUD_SYNC
from streams.directory.party import Party
from streams.directory.proxy_addresses import exported_proxies, lacking_and_surplus, proxies_of
from streams.views.identity.object_view import ObjectView
from streams.views.sides import Side

_SECURITY_GROUP = 0x80000000
_NICKNAME = re.compile(r"[A-Za-z0-9'._!#^~-]+")
_UPN = re.compile(r"[A-Za-z0-9'._!#^~-]+@[A-Za-z0-9.-]+\Z")


class Domains(msgspec.Struct, frozen=True):
    """What of the tenant the comparison depends on. verified: None while unknown.

    upn_flows: False where the tenant keeps UPN changes of licensed users out of the cloud.
    elsewhere: what other tenants of the forest have verified; None while unknown.
    managers_since_ms: since when the cloud is known to tell of managers; 0: it is not.
    flows: property -> the attribute from which this tenant fills it, where that is another than by default; "": none.
    cloud_sync_alone: Cloud Sync is the tenant's one engine.
    """

    verified: frozenset[str] | None
    initial: str | None
    upn_flows: bool = True
    flows: Mapping[str, str] = {}
    elsewhere: frozenset[str] | None = frozenset()
    managers_since_ms: int = 0
    cloud_sync_alone: bool = False

    def by_cloud_sync(self, ad: Party) -> bool:
        """Whether Cloud Sync synchronises this object. What it does by default is published for few attributes, new
        ones are not added to configurations that exist ("Attribute mapping in Microsoft Entra Cloud Sync"), and what it
        does where AD has no value is published for none.
        """
        return ad.engine == CLOUD_SYNC or (ad.engine is None and self.cloud_sync_alone)


class Difference(msgspec.Struct, frozen=True):
    """One attribute, by its name in the cloud, that is not what AD makes of it.

    wanted, found: the two values; of proxyAddresses what the cloud lacks, and what it has too much.
    since_ms:      since when AD says so, as far as we saw; seen: we saw AD change it, or the object being created.
    """

    attribute: str
    wanted: Any
    found: Any
    since_ms: int
    seen: bool


def partners(view: ObjectView) -> tuple[Side, Side] | None:
    """The AD side and its Entra side, where there is one each and AD has the say."""
    ours = view.in_scope
    theirs = [side for side in view.entra if side.party.synced is True]
    return (ours[0], theirs[0]) if len(ours) == len(theirs) == 1 else None


def differences(view: ObjectView, domains: Domains) -> tuple[Difference, ...]:
    """Every difference between the two sides of a view; () where it has not one of each."""
    return view.memo.once("differences", domains, lambda: _differences(view, domains))


def _differences(view: ObjectView, domains: Domains) -> tuple[Difference, ...]:
    pair = partners(view)
    found = (*_compare(*pair, domains), *_manager(view, *pair, domains)) if pair is not None else ()
    if view.joined:  # all the rest may come from another forest
        found = tuple(each for each in found if each.attribute in _OF_THE_ACCOUNT)
    return found


_OF_THE_ACCOUNT = frozenset(
    {"userPrincipalName", "onPremisesUserPrincipalName", "onPremisesSecurityIdentifier", "accountEnabled"}
)


def _compare(ad: Side, cloud: Side, domains: Domains) -> Iterator[Difference]:
    quarantined = _quarantined(cloud.attributes)
    for compare in _COMPARED:
        result = compare(ad, cloud, domains, quarantined)
        if result is not None and result[0] not in domains.flows:
            sources = SOURCES[result[0]]
            seen = ad.created_ms > 0 or any(name in ad.changed for name in sources)
            yield Difference(*result, ad.since_ms(*sources), seen)
    rows = _FLOWS_OF.get(ad.party.kind, ())
    if domains.flows:
        rows += _named_by_settings(ad.party.kind, domains.flows)
    certain = not domains.by_cloud_sync(ad.party)
    ours, theirs = ad.attributes, cloud.attributes
    for flow in rows:
        attribute = domains.flows.get(flow.property, flow.attribute)
        if attribute and ours.get(attribute) != theirs.get(flow.property):
            found = _flow(flow, attribute, ad, cloud, certain=certain)
            if found is not None:
                yield found


def _flow(flow: Flow, attribute: str, ad: Side, cloud: Side, *, certain: bool) -> Difference | None:
    """Of one row of the table: two values, one that the cloud lacks and was read for, or one that AD has removed.

    A value that only the cloud has, and AD never had, stays from before the match: what takes an object over overwrites
    what AD has a value for (Microsoft, "When you have an existing tenant"). One that AD has removed is removed in the
    cloud, too: a flow without a value is NULL, and NULL takes the value away ("Understanding Declarative
    Provisioning"). So of those the one that AD had last is a difference. Not `certain`: only two different values are.
    """
    certain = certain and flow.certain
    wanted = carried(str(ad.attributes.get(attribute) or ""))
    shown = carried(str(cloud.attributes.get(flow.property) or ""))
    if wanted == shown:
        return None
    if not wanted:
        if not certain or carried(ad.cleared.get(attribute, "")) != shown:
            return None
    elif not shown and not (
        certain and _was_read(flow, cloud) and flow.property not in cloud.attributes.get(NOT_SELECTED, ())
    ):
        return None
    seen = ad.created_ms > 0 or attribute in ad.changed
    return Difference(flow.property, wanted or None, shown or None, ad.since_ms(attribute), seen)


def _was_read(flow: Flow, cloud: Side) -> bool:
    """Whether the cloud's object was read whole for this row."""
    names = names_read(cloud.attributes.get(READ_BY))
    return names is not None and (flow.property in BY_PROPERTY or flow.property in names)


def _named_by_settings(kind: str, flows: Mapping[str, str]) -> tuple[Flow, ...]:
    """The rows that the settings add, and of what has a comparison of its own what they fill from somewhere else."""
    own = (Flow(flows[name], name, certain=False) for name in _RENAMED if flows.get(name))
    return (*own, *(flow for flow in added_flows(flows) if kind in flow.kinds))


_RENAMED = ("displayName", "mailNickname")


def _manager(view: ObjectView, ad: Side, cloud: Side, domains: Domains) -> Iterator[Difference]:
    """The manager that AD names and the cloud does not, where both sides have the manager.

    One that only the cloud names is left alone, as with every other value.
    """
    wanted = next((drift for drift in view.managers if drift.lacking), None)
    if wanted is None or not domains.managers_since_ms or domains.flows.get(MANAGER, MANAGER) != MANAGER:
        return
    if wanted.other_domain and domains.by_cloud_sync(ad.party):
        return  # "all the references … need to be within the domain" (Cloud Sync FAQ)
    found = next((drift.name for drift in view.managers if not drift.lacking), None)
    since_ms = max(wanted.since_ms, cloud.since_ms(*_JOINED_BY), domains.managers_since_ms)
    yield Difference(MANAGER, wanted.name, found, since_ms, ad.created_ms > 0 or wanted.link_ms > ad.first_ms)


_JOINED_BY = ("onPremisesSyncEnabled", "onPremisesSecurityIdentifier", "onPremisesImmutableId")
_Result = tuple[str, Any, Any] | None


def _display_name(ad: Side, cloud: Side, domains: Domains, _quarantined: frozenset[str]) -> _Result:
    wanted, found = ad.attributes.get("displayName"), cloud.attributes.get("displayName")
    if wanted == found or found is None:
        return None
    wanted = (wanted or "").strip() or (None if domains.by_cloud_sync(ad.party) else ad.attributes.get("name"))
    return ("displayName", wanted, found) if wanted and wanted.strip() != found.strip() else None


def _nickname(ad: Side, cloud: Side, _domains: Domains, _quarantined: frozenset[str]) -> _Result:
    """Where AD has one; what Entra replaces in it is not published."""
    wanted, found = ad.attributes.get("mailNickname"), cloud.attributes.get("mailNickname")
    if not wanted or not found or wanted.lower() == found.lower() or not _NICKNAME.fullmatch(wanted):
        return None
    return "mailNickname", wanted, found


def _security_identifier(ad: Side, cloud: Side, _domains: Domains, _quarantined: frozenset[str]) -> _Result:
    """Of users: another account of AD stands behind the same anchor. Groups are joined by it."""
    wanted, found = ad.party.sid, cloud.party.sid
    if ad.party.kind != "user" or not wanted or not found or wanted == found:
        return None
    return "onPremisesSecurityIdentifier", wanted, found


def _domain_name(ad: Side, cloud: Side, _domains: Domains, _quarantined: frozenset[str]) -> _Result:
    found, name = cloud.attributes.get("onPremisesDomainName"), ad.attributes.get("distinguishedName")
    wanted = dns_domain(name or "")
    return ("onPremisesDomainName", wanted, found) if found and wanted and wanted != found.lower() else None


def _security_enabled(ad: Side, cloud: Side, _domains: Domains, _quarantined: frozenset[str]) -> _Result:
    kind, found = ad.attributes.get("groupType"), cloud.attributes.get("securityEnabled")
    if ad.party.kind != "group" or not isinstance(kind, int) or not isinstance(found, bool):
        return None
    wanted = bool(kind & _SECURITY_GROUP)
    return ("securityEnabled", wanted, found) if wanted is not found else None


def _account_name(ad: Side, cloud: Side, _domains: Domains, _quarantined: frozenset[str]) -> _Result:
    wanted, found = ad.attributes.get("sAMAccountName"), cloud.attributes.get("onPremisesSamAccountName")
    if not wanted or not found or wanted == found or wanted.lower() == found.lower():
        return None
    return "onPremisesSamAccountName", wanted, found


def _enabled(ad: Side, cloud: Side, _domains: Domains, _quarantined: frozenset[str]) -> _Result:
    wanted, found = is_enabled(ad.attributes.get("userAccountControl")), cloud.attributes.get("accountEnabled")
    if wanted is None or not isinstance(found, bool):
        return None
    return ("accountEnabled", wanted, found) if wanted is not found else None


def _upn(ad: Side, cloud: Side, domains: Domains, quarantined: frozenset[str]) -> _Result:
    """The cloud's own name where it must be AD's; else what the cloud knows AD's name to be."""
    wanted, found = ad.attributes.get("userPrincipalName"), cloud.attributes.get("userPrincipalName")
    if not wanted or not found or wanted == found:
        return None
    folded = wanted.lower()
    if folded == found.lower() or folded in quarantined or is_placeholder_upn(found, wanted, domains.initial):
        return None
    if domains.verified is None:
        return None
    usable = _UPN.match(wanted) is not None and domain_of(wanted) in domains.verified
    if not usable and (domains.elsewhere is None or domain_of(wanted) in domains.elsewhere):
        return None  # a name for another tenant: the name here is made by a rule of this one's
    alternate_id = found.lower() == str(ad.attributes.get("mail") or "").lower()
    if usable and domains.upn_flows and not alternate_id:
        return "userPrincipalName", wanted, found
    if not usable and domains.initial is not None and domain_of(found) != domains.initial and not alternate_id:
        # <mailNickname>@<initial domain>: which nickname was decided at first synchronisation, long ago.
        nickname = ad.attributes.get("mailNickname") or cloud.attributes.get("mailNickname")
        return "userPrincipalName", f"{nickname or folded.partition('@')[0]}@{domains.initial}", found
    stored = cloud.attributes.get("onPremisesUserPrincipalName")
    return ("onPremisesUserPrincipalName", wanted, stored) if stored and stored.lower() != folded else None


def _mail(ad: Side, cloud: Side, domains: Domains, quarantined: frozenset[str]) -> _Result:
    """AD's mail; a mailbox may show its primary address instead."""
    wanted, found = ad.attributes.get("mail"), cloud.attributes.get("mail")
    if not wanted or wanted == found:
        return None
    folded, shown = wanted.strip().lower(), (found or "").strip().lower()
    if folded == shown or folded in quarantined or not _judges_domains(ad, domains):
        return None
    held = proxies_of(ad.attributes.get("proxyAddresses"))
    # What mail becomes where AD's primary address is not usable depends on the licence: nothing is certain.
    kept = exported_proxies({"proxyAddresses": [f"SMTP:{held.primary or folded}"]}, ad.party.kind, domains.verified)
    mine = exported_proxies({"mail": wanted}, ad.party.kind, domains.verified)
    return None if not kept.primary or not mine.primary or shown in held.addresses else ("mail", wanted, found)


def _proxies(ad: Side, cloud: Side, domains: Domains, quarantined: frozenset[str]) -> _Result:
    values, shown = ad.attributes.get("proxyAddresses"), cloud.attributes.get("proxyAddresses")
    if not values or values == shown or not _judges_domains(ad, domains):
        return None
    own = {
        str(attributes.get(name) or "").strip().lower()
        for attributes in (ad.attributes, cloud.attributes)
        for name in ("userPrincipalName", "mail", "onPremisesUserPrincipalName")
    }
    own |= proxies_of(ad.attributes.get("targetAddress")).addresses
    wanted = exported_proxies(ad.attributes, ad.party.kind, domains.verified)
    lacking, surplus = lacking_and_surplus(wanted, proxies_of(shown), frozenset(own), quarantined)
    return ("proxyAddresses", lacking, surplus) if lacking or surplus else None


def _judges_domains(ad: Side, domains: Domains) -> bool:
    """Groups and contacts keep addresses of any domain; users only those of domains that we must know."""
    return ad.party.kind != "user" or domains.verified is not None


def _quarantined(cloud: Mapping[str, Any]) -> frozenset[str]:
    """The folded values that the service keeps back because somebody else has them."""
    errors = cloud.get("onPremisesProvisioningErrors")
    if not errors or not isinstance(errors, list):
        return _NONE
    values = (str(error.get("value") or "") for error in errors if isinstance(error, dict))
    return frozenset(address.folded for value in values if (address := fold_proxy_address(value)) is not None)


_NONE: frozenset[str] = frozenset()
_Compare = Callable[[Side, Side, Domains, frozenset[str]], _Result]
_COMPARED: tuple[_Compare, ...] = (
    _display_name, _account_name, _enabled, _upn, _mail, _proxies, _nickname, _security_identifier, _domain_name,
    _security_enabled,
)  # fmt: skip
_FLOWS_OF: dict[str, tuple[Flow, ...]] = {
    str(kind): tuple(flow for flow in FLOWS if kind in flow.kinds) for kind in COMPARED_KINDS
}
SOURCES: dict[str, tuple[str, ...]] = {
    "displayName": ("displayName", "name"),
    "onPremisesSamAccountName": ("sAMAccountName",),
    "accountEnabled": ("userAccountControl",),
    "userPrincipalName": ("userPrincipalName",),
    "onPremisesUserPrincipalName": ("userPrincipalName",),
    "mail": ("mail",),
    "proxyAddresses": ("proxyAddresses",),
    "mailNickname": ("mailNickname",),
    "onPremisesSecurityIdentifier": ("objectSid",),
    "onPremisesDomainName": ("distinguishedName",),
    "securityEnabled": ("groupType",),
    MANAGER: (MANAGER,),
    **{flow.property: (flow.attribute,) for flow in FLOWS},
}
"""What of the cloud is compared -> the attributes of AD that decide it."""


def sources_of(name: str, flows: Mapping[str, str]) -> tuple[str, ...]:
    """The attributes of AD that decide a property where the settings say otherwise (`Domains.flows`)."""
    return (flows[name],) if name in flows else SOURCES.get(name, ())
