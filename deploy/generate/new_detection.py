"""`make new-detection D=<family>.<name>`: the three files of a detection, complete and working, to write yours over."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

FAMILIES = Path(__file__).parents[2] / "streams" / "detections"
_ID = re.compile(r"([a-z_]+)\.([a-z][a-z_]*)")

_RULE = '''"""A synchronised user has no display name. TODO: what is wrong, in one sentence; below, how it comes about.

Source: TODO: the page of Microsoft's that says so.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Status, Verdict
from streams.views.identity.object_view import UserView

DETECTION = Detection(
    id="{id}",
    views=(UserView,),
    title="{title}",
    severity=Severity.LOW,
    status=Status.EXPERIMENTAL,
    remediation="TODO: one paragraph for the person on call.",
    references=("https://learn.microsoft.com/entra/identity/hybrid/",),
    no_story="TODO: why no story of the lab plays it; leave it out when one does.",
)


def evaluate(view: UserView, context: Context, now_ms: int) -> Verdict | None:
    """TODO: when it fires, and when it stays quiet. Pure: no clock, no I/O; nobody says when it clears."""
    nameless = [side for side in view.in_scope if not side.attributes.get("displayName")]
    if not nameless:
        return None
    side = nameless[0]
    return Verdict(
        summary=f"{{side.party.name}} has no display name",
        since_ms=side.changed_ms,
        subject=side.party.subject(view.key),
        forest=side.party.forest,
    )
'''
_RUNBOOK = """# {title}

`{id}`: TODO: replace every sentence of this page; it is read by a colleague who is new and on call.

## Meaning
A user that Entra Connect synchronises has no display name in Active Directory, so nobody finds it in an address list.

## Impact
TODO: who notices what, and how soon; what happens at the next export if nobody does anything about it.

## Diagnosis
TODO: which commands show it on either side, what is normal to see there, and what is not.

## Mitigation
TODO: the steps that repair it, in order, and by what one sees that they have worked.

## False positives
TODO: when it is right that things are as they are, and how such a case is told from the others.
"""
_CASES = (
    (
        "fires for a user without the name, and clears with it",
        ((None, True), ("Ada Lovelace", False)),
    ),
    ("quiet: it has the name", (("Ada Lovelace", False),)),
)


def write(detection_id: str, families: Path = FAMILIES) -> list[Path]:
    """The files written. Raises SystemExit, with what to do, where that cannot be."""
    found = _ID.fullmatch(detection_id)
    if found is None:
        raise SystemExit(f"{detection_id!r} is no <family>.<name> in lower case, words joined by _")
    family, name = found.groups()
    folder = families / family
    if not (folder / "__init__.py").exists():
        known = ", ".join(sorted(path.parent.name for path in families.glob("*/__init__.py")))
        raise SystemExit(f"there is no family {family}: take one of {known}")
    if (folder / f"{name}.py").exists():
        raise SystemExit(f"{detection_id} is there already")
    words = {"id": detection_id, "title": name.replace("_", " ").capitalize()}
    texts = {"py": _RULE.format(**words), "md": _RUNBOOK.format(**words), "cases.json": _cases(detection_id)}
    written = []
    for ending, text in texts.items():
        path = folder / f"{name}.{ending}"
        path.write_text(text)
        written.append(path)
    return written


def _cases(detection_id: str) -> str:
    cases = []
    for name, moments in _CASES:
        steps: list[object] = []
        for display_name, is_open in moments:
            attributes = {"displayName": display_name, "userPrincipalName": "ada@contoso.com"}
            steps.append({"ad": {"id": "ada", "op": "u" if steps else "c", "kind": "user", "attributes": attributes}})
            steps.append({"open": [detection_id] if is_open else []})
        cases.append({"name": name, "steps": steps})
    return json.dumps(cases, indent=1) + "\n"


if __name__ == "__main__":
    for each in write(sys.argv[1] if len(sys.argv) > 1 else ""):
        sys.stdout.write(f"{each}\n")
