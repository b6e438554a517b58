"""A first reading in which very many cloud objects have no AD side is one finding; each is counted under it."""

from __future__ import annotations

from typing import Any

from deploy.cli.report.first_reading import FirstReading, faults_of
from streams.contracts.facts import Fact, ObjectKind, Operation, TenantState
from streams.contracts.finding import Finding, FindingState
from streams.contracts.identity import immutable_id_of_guid
from streams.contracts.times import rfc3339
from streams.detections.registry import all_detections
from streams.directory.fold import fold
from streams.directory.state import ObjectState, new_state
from streams.evaluation.knowledge import TenantOptions
from streams.evaluation.oracle import OracleObject, expected_findings
from tests.support.cases import START_MS, guid_of, sid_of
from tests.support.pipeline import AD, ENTRA, TENANT, Pipeline

BULK, ORPHANED = "engine.orphans_in_bulk", "flow.orphaned_in_cloud"
EACH = 20
TWO_CYCLES_MS = 3_700_000


class Organisation:
    """One user in order, and so many users, groups and contacts that a forest we do not read has."""

    def __init__(self, **settings: Any) -> None:
        options = TenantOptions(forests=frozenset({"corp"}), **settings)
        self.pipeline = Pipeline(tenants={TENANT: options})
        self.states: dict[str, ObjectState] = {}
        organization = {"displayName": "Contoso", "onPremisesSyncEnabled": True, "readDateTime": rfc3339(START_MS)}
        self.tenant = TenantState(
            tenant=TENANT, seq=1, ts_ms=START_MS, features={}, collected=True, organization=organization
        )
        self.pipeline.tell(self.tenant)
        self._seq = START_MS << 12
        self.tell("fine", ObjectKind.USER, ad=True, objectSid=sid_of("fine"), sAMAccountName="fine",
                  distinguishedName="CN=fine,DC=corp")  # fmt: skip
        anchor = immutable_id_of_guid(guid_of("fine"))
        self.tell("fine cloud", ObjectKind.USER, displayName="fine", onPremisesImmutableId=anchor)
        for number in range(EACH):
            name, address = f"lost{number}", f"lost{number}@partner.example"
            self.tell(f"user {name}", ObjectKind.USER, onPremisesImmutableId=f"{number:020}AA==")
            self.tell(f"group {name}", ObjectKind.GROUP, onPremisesSecurityIdentifier=sid_of(name))
            self.tell(f"contact {name}", ObjectKind.CONTACT, mail=address, proxyAddresses=[f"SMTP:{address}"])

    def tell(self, name: str, kind: ObjectKind, *, ad: bool = False, **attributes: Any) -> None:
        told = {"displayName": name, **({} if ad else {"onPremisesSyncEnabled": True}), **attributes}
        self._take(name, Operation.READ, kind, told)

    def remove(self, name: str) -> None:
        self._take(name, Operation.DELETED, None, {"@removed": "deleted"})

    def stand(self, after_ms: int) -> list[Finding]:
        """What stands then; the oracle says the same."""
        now_ms = START_MS + after_ms
        self.pipeline.tick(now_ms)
        standing = {
            key: each for key, each in self.pipeline.findings.items() if each.state is not FindingState.RESOLVED
        }
        if not self.pipeline.options.tenants[TENANT].accept_orphans:
            objects = [OracleObject(state) for state in self.states.values()]
            expected = expected_findings(
                objects, {TENANT: self.tenant}, {}, all_detections(), now_ms=now_ms, explained=True, forests_read=True
            )
            assert {key: each.state for key, each in standing.items()} == {
                key: each.state for key, each in expected.items()
            }
        return list(standing.values())

    def _take(self, name: str, op: Operation, kind: ObjectKind | None, attributes: dict[str, Any]) -> None:
        origin = AD if name == "fine" else ENTRA
        self._seq += 1 << 12
        fact = Fact(
            op=op, seq=self._seq, ts_ms=START_MS, kind=kind, object_id=guid_of(name), full=op is Operation.READ,
            attributes=attributes,
        )  # fmt: skip
        self.states[name] = fold(self.states.get(name) or new_state(origin, fact.object_id), fact)
        self.pipeline.feed(origin, [fact], now_ms=START_MS)


def test_users_groups_and_contacts_are_counted_under_one_finding_which_the_report_puts_first() -> None:
    found = Organisation().stand(TWO_CYCLES_MS)
    [bulk] = [each for each in found if each.state is FindingState.OPEN]
    assert bulk.detection == BULK
    assert bulk.evidence["orphans"] == {"contact": EACH, "group": EACH, "user": EACH}
    assert {each.cause for each in found if each is not bulk} == {bulk.id}
    first, *others = faults_of(found, FirstReading({}, [], 0))
    assert (first.finding, first.explains, first.people) == (bulk, 3 * EACH, EACH)
    assert len(others) == 3 * EACH


def test_each_is_told_once_the_settings_accept_them_or_there_are_few() -> None:
    accepted = Organisation(accept_orphans=True).stand(TWO_CYCLES_MS)
    assert {(each.detection, each.state) for each in accepted} == {(ORPHANED, FindingState.OPEN)}
    assert len(accepted) == 3 * EACH

    organisation = Organisation()
    organisation.stand(TWO_CYCLES_MS)
    for number in range(EACH):
        organisation.remove(f"user lost{number}")
    left = organisation.stand(TWO_CYCLES_MS + 60_000)
    assert {(each.detection, each.state) for each in left} == {(ORPHANED, FindingState.OPEN)}
    assert len(left) == 2 * EACH
