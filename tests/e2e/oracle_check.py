"""Whether the findings topic says what the oracle says."""

from __future__ import annotations

from typing import Any

from streams.contracts.codec import encode
from streams.contracts.facts import Domain, TenantState
from streams.contracts.finding import Finding, FindingState
from streams.detections.registry import all_detections
from streams.engine.oracle import expected_findings
from streams.runtime.clock import now_ms
from tests.e2e.worker_rig import WorkerRig, wait_until
from tests.support.pipeline import TENANT
from tests.support.random_directory import RandomDirectories


def tenant_of(world: RandomDirectories) -> TenantState:
    domains = [Domain("contoso.onmicrosoft.com", is_initial=True), Domain("contoso.com")]
    return TenantState(tenant=TENANT, seq=1, ts_ms=world.now_ms, domains=domains, features={}, collected=True)


def expected(world: RandomDirectories) -> dict[str, Finding]:
    return expected_findings(world.final(), {TENANT: tenant_of(world)}, {}, all_detections(), now_ms=now_ms())


def open_findings(rig: WorkerRig) -> dict[str, Finding]:
    return {key: finding for key, finding in rig.findings().items() if finding.state is FindingState.OPEN}


def content(finding: Finding) -> dict[str, Any]:
    """What must agree: everything but the moments at which somebody looked."""
    evidence = {key: value for key, value in finding.evidence.items() if key != "since"}
    holders = sorted(encode(holder) for holder in finding.counterparts)
    return {"severity": finding.severity, "subject": finding.subject, "evidence": evidence, "holders": holders}


def assert_converged(rig: WorkerRig, world: RandomDirectories, within_s: float) -> None:
    def agree() -> bool:
        rig.keep_alive()
        found, wanted = open_findings(rig), expected(world)
        return set(found) == set(wanted) and all(content(found[k]) == content(wanted[k]) for k in wanted)

    agreed = wait_until(agree, within_s)
    found, wanted = open_findings(rig), expected(world)
    names = {key: f"{each.detection} {each.subject.key}" for key, each in [*found.items(), *wanted.items()]}
    assert {names[key] for key in wanted} == {names[key] for key in found}
    assert agreed, [names[key] for key in wanted if content(found[key]) != content(wanted[key])]
