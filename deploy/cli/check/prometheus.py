"""Whether Prometheus scrapes every process and evaluates every rule of this installation, and tells an Alertmanager."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import requests
import yaml

from deploy.cli.check.line import Line, fault, gap, good
from deploy.prometheus.build import recording_file, rule_files
from deploy.prometheus.installation import targets
from producers.refusing import STUMBLES
from streams.runtime.place import without_password
from streams.runtime.settings import Settings

_AREA = "prometheus"
_WITHIN_S = 5.0
_WRITE = "write its configuration again with `synchealth prometheus-config`, and reload it"


def check_prometheus(url: str, settings: Settings) -> Iterator[Line]:
    """A line for each process that is not scraped, each rule that is missing, and for the Alertmanager."""
    try:
        found = [*_lines(url, settings)]
    except (requests.RequestException, *STUMBLES) as error:
        shown = without_password(url)
        status = getattr(getattr(error, "response", None), "status_code", None)
        why = f"{type(error).__name__}: {f'HTTP {status}' if status else error if shown == url else 'not shown'}"
        yield fault(_AREA, f"{shown} cannot be asked ({why})", "check [prometheus] url")
    else:
        yield from found


def _lines(url: str, settings: Settings) -> Iterator[Line]:
    scraped = _ask(url, "targets?state=active")["activeTargets"]
    rules = [rule for group in _ask(url, "rules")["groups"] for rule in group["rules"]]
    alertmanagers = _ask(url, "alertmanagers")["activeAlertmanagers"]
    yield from _check_targets(settings, scraped)
    yield from _check_rules(rules)
    if alertmanagers:
        addresses = sorted(without_password(str(each.get("url", "?"))) for each in alertmanagers)
        yield good(_AREA, f"alerts go to {', '.join(addresses)}")
    else:
        yield fault(_AREA, "no Alertmanager is known to it: alerts reach nobody", "set [prometheus] alertmanagers")


def _check_targets(settings: Settings, scraped: list[dict[str, Any]]) -> Iterator[Line]:
    # By job and port: Prometheus may know this host by another name.
    health = {
        (found["labels"].get("job"), found["labels"].get("instance", "").rpartition(":")[2]): found for found in scraped
    }
    wanted = list(targets(settings))
    missing = 0
    for target in wanted:
        found = health.get((target.job, target.address.rpartition(":")[2]))
        if found is None:
            missing += 1
            yield fault(_AREA, f"{target.process} ({target.address}) is not scraped as job {target.job}", _WRITE)
        elif found.get("health") == "down":
            missing += 1
            yield gap(
                _AREA,
                f"{target.process} ({target.address}) does not answer it: {found.get('lastError')}",
                "start it, or see why it ends; if Prometheus runs elsewhere, set [metrics] host",
            )
        elif (process := found["labels"].get("process", target.process)) != target.process:
            missing += 1  # its alerts would name, and inhibit, another source
            yield fault(_AREA, f"{target.process} ({target.address}) is scraped under the name of {process}", _WRITE)
    if not missing:
        yield good(_AREA, f"all {len(wanted)} processes are scraped")


def _check_rules(rules: list[dict[str, Any]]) -> Iterator[Line]:
    wanted = [
        rule.get("alert") or rule["record"]
        for text in [*rule_files().values(), recording_file()]
        for group in yaml.safe_load(text)["groups"]
        for rule in group["rules"]
    ]
    known = {rule["name"] for rule in rules}
    missing = [name for name in wanted if name not in known]
    for name in missing[:5]:
        yield fault(_AREA, f"it has no rule {name}", _WRITE)
    if len(missing) > 5:
        yield fault(_AREA, f"and {len(missing) - 5} more rules are missing", _WRITE)
    for rule in rules:
        if rule["name"] in wanted and rule.get("health") == "err":
            yield fault(_AREA, f"rule {rule['name']} cannot be evaluated: {rule.get('lastError')}", _WRITE)
    if not missing:
        yield good(_AREA, f"all {len(wanted)} rules are there")


def _ask(url: str, what: str) -> Any:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(f"{url.rstrip('/')}/api/v1/{what}", timeout=_WITHIN_S, allow_redirects=False)
        answer.raise_for_status()
        return answer.json()["data"]
