"""The lab writes only texts that fit the skeleton of a golden sample; our own words played back prove nothing.

A skeleton is the text without what differs from event to event: identifiers, numbers, names in quotes, addresses, DNs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from deploy.lab import events as lab
from producers.eventlog import engine_cycle, engine_runs, export_error
from tests.support import event_samples as samples

ANCHOR, GUID = "kCwabn1bOE+cIQpL430fVQ==", "8c2f5d1e-94b7-4c0a-8b3f-6a1d20e57c91"
DN = "CN=Haddad\\, Amira,OU=Staff,DC=corp,DC=contoso,DC=local"
AAD = "fabrikam.onmicrosoft.com - AAD"

# Text -> the part that still owes it a real form.
OWED = {
    "heartbeat": "writeback",
    "hash requests": "writeback",
    "hash results": "writeback",
    "domain failure": "writeback",
}
_VARIABLE = (
    (r"\{[0-9A-F]{32,}\}", "{hex}"),
    (r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "guid"),
    (r"\b(?:CN|OU)=[^\n]*?DC=\w+(?:,DC=\w+)*", "dn"),
    (r"(?<![\w/])[A-Za-z0-9+/]{22}==", "anchor"),
    (r"[\w.]+@[\w.]+", "address"),
    (r"(?i)\b(?:corp|ad)\.(?:contoso|fabrikam)\.\w+", "domain"),
    (r"\"[^\"\n]*\"", '"name"'),
    (r"\b\d+\b", "n"),
    (r"\s+", " "),
)


def skeleton(text: str) -> str:
    """What stays the same of a text."""
    for pattern, word in _VARIABLE:
        text = re.sub(pattern, word, text)
    return text.strip()


def _texts() -> Iterator[tuple[str, str, int, Callable[[], str]]]:
    """(name, provider, event id, text) of what the lab can say."""
    sync, engine = lab.DIRECTORY_SYNCHRONIZATION, lab.ADSYNC
    yield "cycle begins", sync, 904, lambda: lab.cycle_904("started")
    yield "cycle ends", sync, 904, lambda: lab.cycle_904("completed")
    yield "threshold", sync, 116, lambda: lab.deletion_threshold_116(1503, 500)
    yield "run errors", engine, 6100, lambda: lab.run_errors_6100(AAD, "Export", export_errors=3)[0]
    for attribute in ("UserPrincipalName", "ProxyAddresses"):
        yield f"refused {attribute}", engine, 6941, partial(_refused, attribute)
    yield "heartbeat", sync, 654, lambda: lab.heartbeat_654("corp.contoso.local")
    yield "hash requests", sync, 656, lambda: lab.phs_request_event([(ANCHOR, DN), (ANCHOR, DN)])
    yield "hash results", sync, 657, lambda: lab.phs_result_event([(ANCHOR, DN, None)])
    yield "domain failure", sync, 611, lambda: lab.phs_domain_failure("corp.contoso.local", rpc_error=8453)


def _refused(attribute: str) -> str:
    address = attribute == "ProxyAddresses"
    return lab.export_error_6941(
        error_name="InvalidSoftMatch" if address else "AttributeValueMustBeUnique",
        source_anchor=ANCHOR,
        tracking_id=GUID,
        attribute=attribute,
        value=("SMTP:" if address else "") + "amira@contoso.com",
    )


def _marked() -> list[object]:
    texts = []
    for name, *said in _texts():
        owed = [pytest.mark.xfail(strict=False, reason=OWED[name])] if name in OWED else []
        texts.append(pytest.param(*said, id=name, marks=owed))
    return texts


@pytest.mark.parametrize(("provider", "event_id", "text"), _marked())
def test_a_text_fits_a_sample(provider: str, event_id: int, text: Callable[[], str]) -> None:
    known = {
        skeleton(document["message"])
        for document in samples.windows_events().values()
        if document["winlog"]["provider_name"] == provider and document["winlog"]["event_id"] == str(event_id)
    }
    assert skeleton(text()) in known


def test_steps_begin_as_those_of_the_samples_do() -> None:
    """What follows is nobody's published text: the sample's own words after "Finished:" are ours, too."""
    for word in ("Starting", "Finished"):
        assert re.match(r"(Starting|Finished): \S", lab.step_904(word, AAD, "Export"))
    document = samples.sample("dirsync_904_runprofile")
    assert skeleton(document["message"]) == skeleton(
        lab.step_904("Finished", "contoso.onmicrosoft.com - AAD", "Export")
    )


def test_the_strings_of_a_run_with_errors_are_those_of_the_sample() -> None:
    data = samples.sample("adsync_6100_export_errors")["winlog"]["event_data"]
    _, strings = lab.run_errors_6100("contoso.onmicrosoft.com - AAD", "Export", export_errors=4)
    assert {f"param{number}": value for number, value in enumerate(strings, 1)} == data


# Read by their id and level alone: nobody has published their text, and no pattern of ours looks into it.
ID_ONLY = {6126, 104, 106, 107, 114, 117, 132, 133, 134}


def test_no_reader_of_the_engine_has_a_pattern_without_a_sample() -> None:
    logs = [document["winlog"] for document in samples.windows_events().values()]
    engine = {lab.ADSYNC, lab.DIRECTORY_SYNCHRONIZATION}
    known = {int(each["event_id"]) for each in logs if each["provider_name"] in engine}
    assert (engine_runs.TAKEN | engine_cycle.TAKEN | export_error.TAKEN) - known == ID_ONLY
