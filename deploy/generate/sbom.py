"""`make dist`: the bill of materials of an installation, as CycloneDX JSON: dist/synchealth-VERSION.cdx.json.

Source: ECMA-424, CycloneDX 1.6; package URLs: purl specification, type pypi.
"""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

from cyclonedx.contrib.hash.factories import HashTypeFactory
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.contrib.this.builders import this_component
from cyclonedx.model import ExternalReference, ExternalReferenceType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.generate.licences import Package, packages
from deploy.generate.lock import ROOT

_NAME = "synchealth"


def bom() -> Bom:
    """Every package of requirements.lock: version, licence, hashes of its files, and what needs what."""
    made = Bom()
    made.metadata.tools.components.add(this_component())
    licence = LicenseFactory().make_from_string("Apache-2.0")
    version = importlib.metadata.version(_NAME)
    ours = Component(
        type=ComponentType.APPLICATION, name=_NAME, version=version, licenses=[licence], bom_ref=_NAME,
        purl=PackageURL("pypi", name=_NAME, version=version),
    )  # fmt: skip
    made.metadata.component = ours
    locked = {each.name: each for each in packages()}
    components = {name: _component(each) for name, each in locked.items()}
    made.components.update(components.values())
    for name, each in locked.items():
        made.register_dependency(components[name], [components[need] for need in each.needs if need in components])
    wanted = {canonicalize_name(Requirement(each).name) for each in importlib.metadata.requires(_NAME) or ()}
    made.register_dependency(ours, [components[name] for name in sorted(wanted) if name in components])
    return made


def _component(package: Package) -> Component:
    purl = PackageURL("pypi", name=package.name, version=package.version)
    files = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(str(purl)),  # no registry's address: whoever installs knows his own
        hashes=[HashTypeFactory().from_composite_str(each) for each in package.hashes],
    )
    return Component(
        type=ComponentType.LIBRARY, name=package.name, version=package.version, purl=purl, bom_ref=str(purl),
        licenses=[LicenseFactory().make_from_string(package.licence)], external_references=[files],
    )  # fmt: skip


def written() -> str:
    """The document."""
    return JsonV1Dot6(bom()).output_as_string(indent=2) + "\n"


def main() -> None:
    """Write it into dist/, and say where."""
    file = ROOT / "dist" / f"{_NAME}-{importlib.metadata.version(_NAME)}.cdx.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(written())
    print(Path(file).relative_to(ROOT))  # noqa: T201


if __name__ == "__main__":
    main()
