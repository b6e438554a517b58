"""Whether the findings topic says what the oracle says."""

from __future__ import annotations

from typing import Any

from streams.contracts.codec import decode, encode
from streams.contracts.facts import Domain, TenantState
from streams.contracts.finding import Finding, FindingState
from streams.contracts.topics import AD_OBJECTS, ENTRA_OBJECTS, VIEW_STATES
from streams.detections.registry import all_detections
from streams.directory.object_row import load_objects, state_key
from streams.directory.scope import Scope
from streams.evaluation.oracle import expected_findings
from streams.evaluation.view_row import ViewRow
from streams.runtime.clock import now_ms
from streams.views.contributions import contributions_of, contributor_of
from tests.e2e.worker_rig import WorkerRig, wait_until
from tests.support.findings import told_or_lingering
from tests.support.pipeline import TENANT
from tests.support.random_directory import RandomDirectories
from tests.support.words import said_in

PATIENCE_S = 600.0
"""Workers whose sessions are short are thrown out of their group again and again where thirty others want the cores."""


def world_of_today(seed: int, *, groups: bool = False) -> RandomDirectories:
    """A history that workers can be told now."""
    return RandomDirectories(seed, groups=groups, start_ms=now_ms() - 12 * 3_600_000)


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


def assert_converged(rig: WorkerRig, world: RandomDirectories, within_s: float = PATIENCE_S) -> None:
    def agree() -> bool:
        rig.keep_alive()
        wanted = expected(world)
        found = told_or_lingering(rig.findings(), wanted)
        return set(found) == set(wanted) and all(content(found[k]) == content(wanted[k]) for k in wanted)

    agreed = wait_until(agree, within_s)
    wanted = expected(world)
    found = told_or_lingering(rig.findings(), wanted)
    names = {key: f"{each.detection} {each.subject.key}" for key, each in [*found.items(), *wanted.items()]}
    faults = [f"missing: {names[key]}" for key in wanted if key not in found]
    faults += [f"too much: {names[key]}" for key in found if key not in wanted]
    faults += [f"differs: {names[k]}" for k in wanted if k in found and content(found[k]) != content(wanted[k])]
    if faults or not agreed:
        letters = [f"dead letter: {letter}" for letter in rig.dead_letters()]
        raise AssertionError("\n".join([*faults, *letters, *state_faults(rig, world)]))


def state_faults(rig: WorkerRig, world: RandomDirectories) -> list[str]:
    """Where the changelogs of the tables differ from the directories: which hop lost or repeated what."""
    objects = {**rig.rows(AD_OBJECTS.name), **rig.rows(ENTRA_OBJECTS.name)}
    faults = []
    words: dict[str, dict[str, object]] = {}
    for item in world.final():
        state = item.state
        if not state.alive:
            continue
        for view, body in contributions_of(state, Scope()).items():
            if not view.startswith("reference/"):  # those also tell when the object was last restored
                words.setdefault(view, {})[contributor_of(state)] = said_in(body)
        rows = load_objects(objects.get(state_key(state.object_id)))
        kept = next((each for each in rows if each.forest == state.forest), None)
        set_now = {name: value for name, value in kept.attributes.items() if value is not None} if kept else None
        if set_now != state.attributes or kept is None or not kept.alive:
            faults.append(f"object {state.side}/{state.object_id}: kept {kept}, is {state.attributes}")
    views = rig.rows(VIEW_STATES.name)
    for view in {*words, *(key for key in views if key.split("/")[0] in {"address", "user", "group", "contact"})}:
        raw = views.get(view)
        entries = decode(raw, ViewRow).entries if raw else {}
        of_objects = {who: said_in(word[2]) for who, word in entries.items() if who[:3] in ("ad/", "ent")}
        told = {who: said for who, said in of_objects.items() if said is not None}
        if told != words.get(view, {}):
            faults.append(f"view {view}: told {entries}, should be {words.get(view)}")
    return faults
