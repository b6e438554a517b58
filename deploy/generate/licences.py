"""`make lock`: under which licences the packages come that an installation runs (requirements.lock).

Source: Core metadata specifications, "License-Expression", "License", "Classifier"; SPDX licence expressions, annex D.
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterator
from dataclasses import dataclass

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.generate.lock import PRODUCTION, ROOT

TABLE = ROOT / "THIRD_PARTY_LICENSES.md"
ALLOWED = frozenset({
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSD-3-Clause-Modification", "ISC", "MIT", "MIT-0", "PSF-2.0",
    # of files and not of what uses them: only changes of these files are theirs
    "MPL-2.0",
})  # fmt: skip
# Weak copyleft, each answered in DECISIONS.md (C9).
ANSWERED = {"crc32c": "LGPL-2.1-or-later", "ldap3": "LGPL-3.0-or-later"}
# What packages without an SPDX expression say, and what their licence file holds.
_WORDS = {
    "Apache 2": "Apache-2.0", "Apache 2.0": "Apache-2.0", "Apache License, Version 2.0": "Apache-2.0",
    "MIT License": "MIT", "LGPL v3": "LGPL-3.0-or-later", "BSD-derived (Repoze)": "BSD-3-Clause-Modification",
}  # fmt: skip
_CLASSIFIERS = {"BSD License": "BSD-3-Clause", "MIT License": "MIT"}


@dataclass(frozen=True, slots=True)
class Package:
    """licence: an SPDX expression, or what the package says in its own words; needs: names of other packages."""

    name: str
    version: str
    licence: str
    needs: tuple[str, ...]
    hashes: tuple[str, ...]

    @property
    def is_allowed(self) -> bool:
        """Whether every licence that may apply is one we know and take."""
        if ANSWERED.get(self.name) == self.licence:
            return True
        return bool(self.licence) and set(re.findall(r"[^\s()]+", self.licence)) - {"AND", "OR"} <= ALLOWED


def packages() -> Iterator[Package]:
    """What requirements.lock pins, with what the installed packages say of themselves; other platforms' are left out.

    Raises importlib.metadata.PackageNotFoundError for one that is not installed.
    """
    for entry in re.split(r"\n(?=\S)", (ROOT / PRODUCTION).read_text()):
        pinned, *hashes = re.split(r"\s*\\\n\s*--hash=", entry.strip())
        requirement = Requirement(pinned)
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        found = importlib.metadata.distribution(requirement.name)
        needs = (Requirement(each) for each in found.requires or ())
        yield Package(
            name=canonicalize_name(requirement.name),
            version=str(requirement.specifier).removeprefix("=="),
            licence=_licence(found),
            needs=tuple(sorted({canonicalize_name(each.name) for each in needs if _is_meant(each)})),
            hashes=tuple(hashes),
        )


def _is_meant(need: Requirement) -> bool:
    return need.marker is None or need.marker.evaluate({"extra": ""})


def _licence(found: importlib.metadata.Distribution) -> str:
    """As SPDX where it can be: the expression, else the old field in one line, else the only classifier."""
    told = found.metadata.json
    said = str(told.get("license_expression") or told.get("license") or "")
    classifiers = [each for each in told.get("classifier", ()) if each.startswith("License ::")]
    if (not said or "\n" in said) and len(classifiers) == 1:
        words = classifiers[0].rpartition(":: ")[2]
        said = _CLASSIFIERS.get(words, words)
    try:
        return canonicalize_license_expression(_WORDS.get(said.partition("\n")[0], said))
    except InvalidLicenseExpression:
        return said


VENDORED = {
    "sinks/desk/static/vendor/htmx-2.0.4.min.js": (
        "htmx.org (npm)", "2.0.4", "0BSD", "e209dda5c8235479f3166defc7750e1dbcd5a5c1808b7792fc2e6733768fb447",
    ),
    "sinks/desk/static/vendor/htmx-ext-sse-2.2.2.js": (
        "htmx-ext-sse (npm)", "2.2.2", "0BSD", "83eca6fa0611fe2b0bf1700b424b88b5eced38ef448ef9760a2ea08fbc875611",
    ),
}  # fmt: skip
"""Files of others in the tree, as their packages have them -> name, version, licence, SHA-256."""


def table() -> str:
    """The page, one package a line; then the files of others that stand in the tree."""
    head = (
        "# Third-party licences\n\nWhat an installation runs (`requirements.lock`); made by `make lock`. "
        "The two under the LGPL are answered in DECISIONS.md, C9.\n\n| package | version | licence |\n|---|---|---|\n"
    )
    rows = "".join(f"| {each.name} | {each.version} | {each.licence} |\n" for each in packages())
    files = "".join(
        f"| {name} | {version} | {licence} | `{file}` |\n" for file, (name, version, licence, _) in VENDORED.items()
    )
    below = "\nFiles of others in this tree:\n\n| package | version | licence | file |\n|---|---|---|---|\n"
    return f"{head}{rows}{below}{files}"


if __name__ == "__main__":
    TABLE.write_text(table())
