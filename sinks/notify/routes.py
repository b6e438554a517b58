"""Which channels a finding goes to, and how: [[route]] and [[owner]] against one finding. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from streams.contracts.distinguished_name import dns_domain, normal
from streams.contracts.errors import SettingsError
from streams.contracts.finding import Finding
from streams.runtime.settings import OwnerSettings, RouteSettings, Settings


@dataclass(frozen=True, slots=True)
class Way:
    """How a channel is notified of a finding. at_once: by a message, else in digests. changes: of changes, too."""

    at_once: bool
    changes: bool = False


class Routes:
    """The routes of an installation.

    >>> Routes(settings, families, detections).ways(finding)  # doctest: +SKIP
    {"service-desk": Way(at_once=True, changes=False)}
    """

    def __init__(self, settings: Settings, detections: Mapping[str, str]) -> None:
        """detections: id -> family. Raises SettingsError for a family or detection that does not exist."""
        self._routes = settings.route
        self._owners = settings.owner
        faults = [*_unknown(settings.route, detections)]
        if faults:
            raise SettingsError(faults)

    def ways(self, finding: Finding) -> dict[str, Way]:
        """Channel -> how; the most immediate of the routes that fit."""
        owners = self.owners(finding)
        found: dict[str, Way] = {}
        for route in self._routes:
            if not _fits(route, finding, owners):
                continue
            way = Way(route.deliver != "digest", route.deliver == "on_change")
            for channel in route.channels:
                before = found.get(channel, way)
                found[channel] = Way(before.at_once or way.at_once, before.changes or way.changes)
        return found

    def owners(self, finding: Finding) -> list[str]:
        """Whose it is, in the order of the settings."""
        return [owner.name for owner in self._owners if _owns(owner, finding)]

    def digests(self) -> dict[str, float]:
        """Channel -> how often it is sent digests (s), the most often where several routes have an interval."""
        found: dict[str, float] = {}
        for route in self._routes:
            if route.deliver == "digest":
                for channel in route.channels:
                    found[channel] = min(route.interval_s, found.get(channel, route.interval_s))
        return found


def _fits(route: RouteSettings, finding: Finding, owners: Collection[str]) -> bool:
    return (
        _asked(route.family, finding.family)
        and _asked(route.detection, finding.detection)
        and _asked(route.severity, finding.severity.value)
        and _asked(route.tenant, finding.tenant)
        and _asked(route.forest, finding.forest)
        and (not route.owner or not set(route.owner).isdisjoint(owners))
        and (not route.ous or _below(route.ous, finding))
    )


def _asked(wanted: Sequence[str], value: str | None) -> bool:
    return not wanted or value in wanted


def _below(units: Sequence[str], finding: Finding) -> bool:
    """Whether the subject, or an object of Active Directory that takes part, stands below one of the units."""
    wanted = [normal(unit) for unit in units]
    return any(place[-len(unit) :] == unit for place in map(normal, _places(finding)) for unit in wanted)


def _places(finding: Finding) -> Iterator[str]:
    if finding.subject.distinguished_name:
        yield finding.subject.distinguished_name
    for holder in finding.counterparts:
        if holder.distinguished_name:
            yield holder.distinguished_name


def _owns(owner: OwnerSettings, finding: Finding) -> bool:
    if owner.ous and _below(owner.ous, finding):
        return True
    domains = {domain.lower() for domain in owner.domains}
    return bool(domains) and not domains.isdisjoint(_domains(finding))


def _domains(finding: Finding) -> Iterator[str]:
    """Of the names of those who take part: behind the last @, and those that their places are in."""
    names = [finding.subject.user_principal_name, *(holder.user_principal_name for holder in finding.counterparts)]
    for name in names:
        if name:
            yield name.rpartition("@")[2].lower()
    yield from filter(None, map(dns_domain, _places(finding)))


def _unknown(routes: Sequence[RouteSettings], detections: Mapping[str, str]) -> Iterator[str]:
    for number, route in enumerate(routes):
        for key, known in (("family", set(detections.values())), ("detection", set(detections))):
            for value in sorted(set(getattr(route, key)) - known):
                near = difflib.get_close_matches(value, known, n=1)
                hint = f"did you mean {near[0]}?" if near else "`synchealth runbook` lists those that exist"
                yield f"route.{number}.{key}: there is no {key} {value!r}: {hint}"
