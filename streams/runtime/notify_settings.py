"""Who is told of what, and where: [[owner]], [[route]], [[channel]], [notify]."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, PrivateAttr, ValidationInfo, model_validator

from streams.runtime.section import DistinguishedNames, Port, Seconds, Section, Texts

Word = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
"""A name that becomes a metric label and part of a key."""


class OwnerSettings(Section):
    """Whose objects are below some units, or carry addresses of some domains."""

    name: Word
    ous: DistinguishedNames = Field(default=[])
    domains: Texts = Field(default=[])

    @model_validator(mode="after")
    def _says_what(self) -> OwnerSettings:
        if not (self.ous or self.domains):
            raise ValueError(f"owner {self.name!r} owns nothing: name ous or domains")
        return self


class RouteSettings(Section):
    """Which findings go to which channels; what is not named is not asked. Every route that fits counts.

    deliver: "at_once": when one opens and when it is over; "on_change": also when what it says has changed; "digest":
    what opened and what was repaired, together, every interval_s.
    """

    channels: Annotated[Texts, Field(min_length=1)]
    family: Texts = Field(default=[])
    detection: Texts = Field(default=[])
    severity: list[Literal["critical", "high", "medium", "low"]] = Field(default=[])
    tenant: Texts = Field(default=[])
    forest: Texts = Field(default=[])
    ous: DistinguishedNames = Field(default=[])
    owner: Texts = Field(default=[])
    deliver: Literal["at_once", "on_change", "digest"] = "at_once"
    interval_s: Annotated[float, Field(ge=300.0, le=31 * 86400.0)] = 86400.0


class ChannelSettings(Section):
    """A place where people work. Keys beside these are of its kind: sinks.notify.channels checks them.

    most_per_hour: so many findings are told one by one; more are told together.
    """

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)
    name: Word
    kind: Word
    most_per_hour: Annotated[int, Field(ge=1, le=10_000)] = 60
    _folder: Path | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _beside_the_file(self, info: ValidationInfo) -> ChannelSettings:
        self._folder = (info.context or {}).get("folder")
        return self

    @property
    def own(self) -> dict[str, Any]:
        """The keys of its kind, as they stand in the file."""
        return dict(self.__pydantic_extra__ or {})

    @property
    def folder(self) -> Path | None:
        """Where relative paths in it begin."""
        return self._folder


class NotifySettings(Section):
    """The process that tells. settle_s: how long a finding must be over before that is told."""

    metrics_host: str = ""
    metrics_port: Port = 9465
    settle_s: Seconds = 30.0


def routing_faults(
    channels: list[ChannelSettings], routes: list[RouteSettings], owners: list[OwnerSettings]
) -> list[str]:
    """What does not fit together among the three."""
    faults = []
    for table, names in (("channel", [each.name for each in channels]), ("owner", [each.name for each in owners])):
        if len(set(names)) != len(names):
            faults.append(f"two [[{table}]] tables carry the same name: {sorted(names)}")
    known = {"channels": {each.name for each in channels}, "owner": {each.name for each in owners}}
    for number, route in enumerate(routes):
        for key, there in known.items():
            faults += [
                f"route.{number}.{key}: there is no [[{key.removesuffix('s')}]] {name!r}; there is {sorted(there)}"
                for name in getattr(route, key)
                if name not in there
            ]
    return faults
