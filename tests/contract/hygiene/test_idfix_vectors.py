"""The sample vectors of IdFix's verdicts: errors, proposed values, skips, in both modes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from streams.hygiene.faults import Fault
from streams.hygiene.idfix.options import IdfixOptions, Mode
from streams.hygiene.idfix.profile import idfix_profile
from streams.hygiene.objects import DirectoryObject
from streams.hygiene.scan import Scan
from streams.hygiene.tenant import TenantContext

VECTORS: list[dict[str, Any]] = json.loads(Path(__file__).with_name("idfix_vectors.json").read_text(encoding="utf-8"))


def _object(name: str, dn: str, kind: str, attributes: dict[str, str | list[str]]) -> DirectoryObject:
    values = {key: [value] if isinstance(value, str) else value for key, value in attributes.items()}
    return DirectoryObject(dn, ("top", kind), {"cn": [name], **values})


def _objects(vector: dict[str, Any]) -> list[DirectoryObject]:
    context = vector["context"]
    earlier = [
        _object(seen["cn"], f"CN={seen['cn']},OU=Earlier,DC=contoso,DC=com", seen["object_class"], seen["attributes"])
        for seen in context["seen_before"]
    ]
    attributes = dict(context["other_attributes"])
    if vector["value"] is not None:
        attributes[vector["attribute"]] = vector["value"]
    # an object without displayName would be Blank in every multi-tenant vector that is about something else
    if vector["attribute"] != "displayName":
        attributes.setdefault("displayName", "Jane Doe")
    return [
        *earlier,
        _object(context["cn"], context["distinguishedName"], vector["object_class"], attributes),
    ]


def _faults_of_last(vector: dict[str, Any]) -> list[Fault]:
    objects = _objects(vector)
    profile = idfix_profile(IdfixOptions(Mode(vector["context"]["mode"])))
    scan = Scan(profile, TenantContext(), objects.__getitem__)
    for subject in objects:
        scan.enroll(subject)
    scan.close()
    last = len(objects) - 1
    if last not in scan.suspects():
        return []
    faults = [fault for number in scan.suspects() for fault in scan.check(number, objects[number])]
    return [fault for fault in faults if fault.attribute == vector["attribute"] and fault.dn == objects[last].dn]


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["context"]["id"] for vector in VECTORS])
def test_verdict_and_proposal_are_those_of_the_vector(vector: dict[str, Any]) -> None:
    faults = _faults_of_last(vector)

    assert {error for fault in faults for error in fault.errors} == set(vector["expected"])
    if "proposed_value" in vector["context"]:
        assert [fault.proposed_value for fault in faults] == [vector["context"]["proposed_value"]]


def test_skipped_objects_have_no_fault_and_hold_nothing() -> None:
    skipped = [vector for vector in VECTORS if vector["context"]["skipped"]]
    assert skipped
    for vector in skipped:
        subject = _objects(vector)[-1]
        profile = idfix_profile(IdfixOptions(Mode(vector["context"]["mode"])))
        assert profile.skip(subject) is not None
