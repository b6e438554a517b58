"""The lab writes only texts that fit the skeleton of a golden sample; our own words played back prove nothing.

Here each text is held against its sample word by word; that the lab writes nothing else is asked of every event that
any test of the lab writes (tests/support/lab_words.py), and no call may hand over a text of its own.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from deploy.lab import events as lab
from deploy.lab import password_events as passwords
from deploy.lab import registration_events as registration
from deploy.lab.sync.writeback_outcomes import REFUSALS
from producers.eventlog import engine_cycle, engine_runs, export_error
from producers.eventlog.known import KNOWN
from tests.support import event_samples as samples
from tests.support.event_patterns import patterns_that_find_nothing
from tests.support.lab_words import WITHOUT_TEXT as UNPUBLISHED
from tests.support.lab_words import skeleton

ANCHOR, GUID = "kCwabn1bOE+cIQpL430fVQ==", "8c2f5d1e-94b7-4c0a-8b3f-6a1d20e57c91"
DN = "CN=Haddad\\, Amira,OU=Staff,DC=corp,DC=contoso,DC=local"
USER = "amira@contoso.com"
NAMED = passwords.Named(USER, GUID, ANCHOR)
FAILURES = {(each.event_id, each.hresult, each.message) for each in REFUSALS.values()}
# Number and sentence are Microsoft's, but of another log or of Windows itself (deploy/lab/sync/writeback_outcomes.py).
WITHOUT_A_SAMPLE = {"80231367", "80230402", "8023061f", "80070533", "80070775", "80070056"}
AAD = "fabrikam.onmicrosoft.com - AAD"
_ROOT = Path(__file__).parents[2]

def _texts() -> Iterator[tuple[str, str, int, Callable[[], str]]]:
    """(name, provider, event id, text) of what the lab can say."""
    sync, engine, reset = lab.DIRECTORY_SYNCHRONIZATION, lab.ADSYNC, lab.PASSWORD_RESET
    yield "cycle begins", sync, 904, lambda: lab.cycle_904("started")
    yield "cycle ends", sync, 904, lambda: lab.cycle_904("completed")
    yield "threshold", sync, 116, lambda: lab.deletion_threshold_116(1503, 500)
    yield "run errors", engine, 6100, lambda: lab.run_errors_6100(AAD, "Export", export_errors=3)[0]
    for attribute in ("UserPrincipalName", "ProxyAddresses"):
        yield f"refused {attribute}", engine, 6941, partial(_refused, attribute)
    for end in (False, True):
        yield f"ping {end=}", sync, 654 if end else 653, partial(passwords.ping, "corp.contoso.local", end=end)
    yield "hash requests", sync, 656, lambda: passwords.hash_requests([(ANCHOR, DN), (ANCHOR, DN)])
    yield "hash results", sync, 657, lambda: passwords.hash_results("corp.contoso.local", [(ANCHOR, DN, True)])
    for controller in (None, "dc01.corp.contoso.local"):
        said = partial(passwords.domain_failure, "corp.contoso.local", rpc_error=8453, controller=controller)
        yield f"domain failure, {controller}", sync, 611, said
    for number in (31001, 31006, 31009):
        yield f"start {number}", reset, number, partial(passwords.writeback_start, number, GUID, USER)
    for number in (31002, 31010):
        done = partial(passwords.writeback_success, number, GUID, NAMED, admin="admin@contoso.com")
        yield f"success {number}", reset, number, done
    for number, hresult, words in sorted(FAILURES):
        if hresult in WITHOUT_A_SAMPLE:
            continue
        failed = partial(passwords.writeback_failure, GUID, NAMED, hresult=hresult, message=words)
        yield f"failure {number}", reset, number, failed


def _refused(attribute: str) -> str:
    address = attribute == "ProxyAddresses"
    return lab.export_error_6941(
        error_name="InvalidSoftMatch" if address else "AttributeValueMustBeUnique",
        source_anchor=ANCHOR,
        tracking_id=GUID,
        attribute=attribute,
        value=("SMTP:" if address else "") + "amira@contoso.com",
    )


@pytest.mark.parametrize(("provider", "event_id", "text"), [pytest.param(*said, id=name) for name, *said in _texts()])
def test_a_text_fits_a_sample(provider: str, event_id: int, text: Callable[[], str]) -> None:
    known = {
        skeleton(document["message"])
        for document in samples.windows_events().values()
        if document["winlog"]["provider_name"] == provider and document["winlog"]["event_id"] == str(event_id)
    }
    assert skeleton(text()) in known


# What the lab says in words of its own, and why: no page, log or script that we found has the text.
OURS = {
    "step_904": 'what follows "Finished:" is not published: below, the beginning alone is held against a sample',
    "set_trace": "the traces of 6329 are as many as its causes: below, each line is held against those of a sample",
}
WHERE = {306: registration.joined, 304: partial(registration.join_failed, code=0x801C03F2, phase="join"),
         204: registration.join_refused}  # fmt: skip


def test_every_text_of_the_lab_is_compared_or_named_as_ours() -> None:
    made = {
        name
        for module in (lab, passwords, registration)
        for name, each in vars(module).items()
        if inspect.isfunction(each) and each.__module__ == module.__name__ and not name.startswith("_")
    }
    compared = {
        "winlogbeat_document", "cycle_904", "deletion_threshold_116", "run_errors_6100", "export_error_6941", "ping",
        "hash_requests", "hash_results", "domain_failure", "writeback_start", "writeback_success", "writeback_failure",
        "joined", "join_failed", "join_refused", "set_without_target",
    }  # fmt: skip
    assert made - compared <= set(OURS)
    assert compared <= made, "a comparison that compares nothing"


@pytest.mark.parametrize("event_id", WHERE)
def test_a_registration_fits_a_sample_in_sentence_and_data(event_id: int) -> None:
    said = WHERE[event_id](server="pc1.corp.contoso.com", record_id=1, at_ms=1_790_000_000_000)
    assert any(
        skeleton(said["message"]) == skeleton(document["message"])
        and said["winlog"]["event_data"].keys() == document["winlog"]["event_data"].keys()
        for document in samples.windows_events().values()
        if (document["winlog"]["provider_name"], document["winlog"]["event_id"])
        == (lab.DEVICE_REGISTRATION, str(event_id))
    )


def test_lines_of_a_trace_have_the_form_of_those_of_a_sample() -> None:
    def lines(text: str) -> list[str]:
        return [re.sub(r"0x[0-9a-f]{8} \(.+?\):?", "code", skeleton(line)).strip('"') for line in text.splitlines()]

    real = lines(samples.sample("adsync_6329_rpc_trace")["message"])
    for line in lines(passwords.set_trace("80230619", "A restriction prevents it.")):
        assert any(each.startswith(line) for each in real), line
    known = samples.sample("adsync_6329_no_target")["message"]
    assert skeleton(passwords.set_without_target(GUID)) == skeleton(known)


def test_no_call_of_the_lab_brings_a_text_of_its_own() -> None:
    """Every text is a function's or a constant's that is compared above; events without any are declared."""
    literal, bare = [], set()
    for path in sorted((_ROOT / "deploy" / "lab").rglob("*.py")):
        if path.name == "hostile.py":  # writes what a stranger would, on purpose
            continue
        for call in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "write"):
                continue
            if len(call.args) == 2 and isinstance(call.args[0], ast.Name) and call.args[0].id in _PROVIDERS:
                bare |= {(_PROVIDERS[call.args[0].id], number) for number in _numbers(call.args[1])}
            elif len(call.args) > 2 and isinstance(call.args[2], ast.Constant | ast.JoinedStr):
                literal.append(f"{path.name}:{call.lineno}")
    assert literal == []
    assert bare <= UNPUBLISHED.keys() and bare, "declared, with the reason, in tests/support/lab_words.py"


_PROVIDERS = {
    "ADSYNC": lab.ADSYNC,
    "DIRECTORY_SYNCHRONIZATION": lab.DIRECTORY_SYNCHRONIZATION,
    "PASSWORD_RESET": lab.PASSWORD_RESET,
}


def _numbers(node: ast.expr) -> set[int]:
    """Of a variable, which the events themselves answer (tests/support/lab_words.py), none."""
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, int) else set()


def test_a_lost_listener_is_quoted() -> None:
    assert passwords.LISTENER_LOST in samples.sample("pwreset_31034_listener")["message"]


# Looks into positions of Kafka, not into events.
NO_TEXT = {"source._NUMBER"}


def test_every_pattern_of_the_readers_finds_something_in_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pattern that no sample needs would read a form that only we have imagined."""
    assert patterns_that_find_nothing(monkeypatch) == NO_TEXT


def test_no_reader_compiles_a_pattern_where_that_test_does_not_see_it() -> None:
    hidden = [
        f"{path.name}:{node.lineno}"
        for path in sorted((_ROOT / "producers" / "eventlog").glob("*.py"))
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "re"
        if node.attr in {"compile", "search", "match", "fullmatch", "finditer", "findall", "split", "sub"}
    ]
    assert hidden == []


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


# The same of every provider that is read: shipped and kept by id and level; what they share in form with a sampled
# event of their provider is read, and no text of their own is claimed to be known.
WITHOUT_TEXT: dict[str, set[int]] = {
    "adsync": {
        *(403, 405, 2001, 2002, 6110, 6126, 6800, 6803, 6900, 6949, 6956, 1012, 1014, 2503, *range(2505, 2510)),
        *(*range(2511, 2514), 2515, *range(2517, 2522)),
    },
    "directory synchronization": {
        *(104, 106, 107, 114, 117, *range(132, 135), *range(601, 611), *range(612, 624), *range(658, 669), 6900),
    },
    "passwordresetservice": {
        *(31003, 31004, 31005, 31007, 31008, *range(31011, 31034), *range(31035, 31045)),
        *(*range(32000, 32018), 33003, 33005, 33006, 33007, 33010),
    },
    "user device registration": {200, 201, 203, 205, 220, 244, 245, 332, 333, 344, 345, 370},
    "security": set(),
}


@pytest.mark.parametrize("provider", KNOWN)
def test_what_is_read_has_a_sample_or_is_declared_to_have_none(provider: str) -> None:
    known = KNOWN[provider]
    sampled = {
        int(document["winlog"]["event_id"])
        for document in samples.windows_events().values()
        if document["winlog"]["provider_name"] == known.name
    }
    assert known.ids - sampled == WITHOUT_TEXT[provider]
