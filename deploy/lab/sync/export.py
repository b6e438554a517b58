"""The export of one object: match it, settle what is contested, write it."""

from __future__ import annotations

import random
from dataclasses import replace

import orjson

from deploy.lab.sync.mapping import Desired, desired_of, source_anchor
from deploy.lab.sync.matching import ErrorCode, match
from deploy.lab.sync.naming import on_premises_upn
from deploy.lab.sync.objects import AdObject, CloudObject, TenantRules, fold
from deploy.lab.sync.report import CycleReport, ExportError
from deploy.lab.sync.resiliency import settle
from deploy.lab.sync.space import Link
from deploy.lab.sync.tenant import Tenant


class Exporter:
    """Exports objects of one cycle after the other.

    `seed`: of the digits in placeholders, so that a story repeats itself.
    `drop_silently`: (objectGUID, cloud property) that is exported without an error and never arrives.
    `refused`: objectGUIDs that Entra takes nothing of, as if an attribute of theirs were invalid.
    """

    def __init__(self, tenant: Tenant, seed: int) -> None:
        self._tenant = tenant
        self._digits = random.Random(seed)
        self._fresh: set[str] = set()
        self.drop_silently: set[tuple[str, str]] = set()
        self.refused: set[str] = set()

    def begin(self) -> None:
        """A new cycle: what was created in the last one is no longer new."""
        self._fresh.clear()

    def export(self, found: AdObject, link: Link, rules: TenantRules, report: CycleReport) -> bool:
        """Bring the cloud up to date with `found`; False: refused, to be tried again in the next cycle."""
        wanted = self._wanted(found, link, rules)
        fingerprint = orjson.dumps([wanted.upn, wanted.nickname, wanted.addresses, wanted.properties])
        own = self._own(wanted, link)
        if own is not None and fingerprint == link.exported:
            return True
        if found.guid in self.refused:
            answered = own is None or own.text("onPremisesImmutableId") in (None, wanted.anchor)
            self._complain(found, wanted, report, ErrorCode.DATA_VALIDATION, None, None, answered=answered)
            return False
        if own is None:
            verdict = match(wanted, self._tenant.claims, rules)
            if verdict.error is not None:
                self._complain(found, wanted, report, verdict.error, verdict.attribute, verdict.other)
            if verdict.fatal:
                return False
            own = verdict.target
        twin = self._tenant.claims.sid_holder(wanted.sid, but=own.id if own else None) if wanted.sid else None
        if twin is not None:
            code = ErrorCode.ATTRIBUTE_VALUE_MUST_BE_UNIQUE
            self._complain(found, wanted, report, code, "onPremisesSecurityIdentifier", twin)
            return False
        created = own is None
        settled = settle(
            wanted,
            self._tenant.claims,
            rules,
            own=own,
            fresh=self._fresh,
            occurred=self._tenant.now(),
            draw=lambda: self._digits.randrange(10_000),
        )
        if settled.error is not None:
            self._complain(found, wanted, report, settled.error, settled.attribute, settled.other)
            return False
        lost = {name for guid, name in self.drop_silently if guid == found.guid}
        link.cloud_id = self._tenant.write(wanted, settled, own, lost=lost)
        link.exported, link.nickname = fingerprint, wanted.nickname
        if settled.errors:
            report.quarantined.append(found.guid)
        if created:
            self._fresh.add(link.cloud_id)
            report.added += 1
        else:
            report.updated += 1
        return True

    def _wanted(self, found: AdObject, link: Link, rules: TenantRules) -> Desired:
        """The desired object; its UPN is computed anew only where the on-premises UPN or the domains changed."""
        wanted = desired_of(found, rules, kept_nickname=link.nickname)
        if found.kind != "user":
            return wanted
        source = (on_premises_upn(found), rules.verified_domains)
        if link.upn_from == source and link.upn is not None:
            return replace(wanted, upn=link.upn)
        link.upn, link.upn_from = wanted.upn, source
        return wanted

    def _own(self, wanted: Desired, link: Link) -> CloudObject | None:
        """The cloud object this one became; a soft-deleted one comes back, one deleted for good does not."""
        claims = self._tenant.claims
        if link.cloud_id is not None:
            own = claims.get(link.kind, link.cloud_id)
            if own is not None:
                return own
            if self._tenant.restore(link.kind, link.cloud_id):
                return claims.get(link.kind, link.cloud_id)
            link.cloud_id, link.exported = None, b""
        if wanted.anchor:
            deleted = self._tenant.soft_deleted(wanted.anchor)
            if deleted is not None and claims.anchor_holder(wanted.anchor) is None:
                self._tenant.restore("user", deleted)
                return claims.get("user", deleted)
        return None

    @staticmethod
    def _complain(
        found: AdObject,
        wanted: Desired,
        report: CycleReport,
        code: ErrorCode,
        attribute: str | None,
        other: CloudObject | None,
        *,
        answered: bool = True,
    ) -> None:
        value = None
        if attribute == "userPrincipalName":
            value = wanted.upn
        elif attribute == "onPremisesSecurityIdentifier":
            value = wanted.sid
        elif attribute == "sipProxyAddress":
            taken = {address.lower() for address in other.addresses} if other is not None else set()
            value = next((each for each in wanted.addresses if each.lower() in taken and fold(each) is None), None)
        elif attribute == "proxyAddresses":
            held = {fold(address) for address in other.addresses} if other is not None else set()
            value = next((each for each in wanted.addresses if fold(each) in held), None)
        report.errors.append(
            ExportError(
                code,
                found.guid,
                found.distinguished_name,
                attribute,
                other.id if other else None,
                value,
                source_anchor(found),
                answered,
            )
        )
