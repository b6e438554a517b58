"""Which values a metric label may take: fixed at the start, so that no object can ever become a series.

Everything else counts under "other", and "none" stands where a finding has no forest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from streams.contracts.finding import Finding, Severity
from streams.runtime.settings import Settings

OTHER = "other"
NONE = "none"

# Every reason with which something of ours refuses a record; a test compares this with the source.
REASONS = frozenset(
    {
        "contribution_too_large",
        "empty",
        "evaluate_failed",
        "no_id",
        "not_json",
        "object_guid",
        "object_sid",
        "project_failed",
        "row_too_large",
        "rule_failed",
        "too_large",
        "unknown_server",
        "unwritable",
        "value",
        "view_failed",
        "wrong_key",
        "wrong_shape",
        "wrong_tenant",
        "wrong_type",
    }
)


@dataclass(frozen=True, slots=True)
class KnownDetection:
    """What the exporter must know of a detection to show it before it has found anything.

    alert_after_s: how long a finding stands before it alerts; None: it never does.
    """

    id: str
    family: str
    severity: Severity
    alert_after_s: float | None = None


class FindingLabels(NamedTuple):
    """The labels of the gauges over findings, in this order."""

    detection: str
    family: str
    severity: str
    tenant: str
    forest: str


class LabelValues:
    """The allowed values, from the detections that exist and the tenants and forests of the settings."""

    def __init__(
        self, detections: Iterable[KnownDetection], tenants: Iterable[str], forests: Iterable[tuple[str, str]]
    ) -> None:
        """`forests`: pairs of forest name and tenant id."""
        self.detections = {known.id: known for known in detections}
        self._forests = tuple(forests)
        self._tenants = frozenset(tenants) | {tenant for _, tenant in self._forests}
        self._forest_names = frozenset(name for name, _ in self._forests)

    @classmethod
    def of_settings(cls, settings: Settings, detections: Iterable[KnownDetection]) -> LabelValues:
        """The values of an installation."""
        return cls(
            detections,
            (tenant.id for tenant in settings.tenant),
            ((forest.name, tenant) for forest in settings.forest for tenant in forest.tenants),
        )

    def detection(self, detection_id: str) -> str:
        """The id itself where such a detection exists."""
        return detection_id if detection_id in self.detections else OTHER

    def reason(self, reason: str) -> str:
        """The reason itself where it is one of ours."""
        return reason if reason in REASONS else OTHER

    def of(self, finding: Finding) -> FindingLabels:
        """The labels under which a finding counts."""
        known = self.detections.get(finding.detection)
        return FindingLabels(
            detection=known.id if known else OTHER,
            family=known.family if known else OTHER,
            severity=finding.severity.value,
            tenant=finding.tenant if finding.tenant in self._tenants else OTHER,
            forest=NONE if finding.forest is None else self._forest(finding.forest),
        )

    def at_start(self) -> Iterator[FindingLabels]:
        """The series that stand at zero before the first finding."""
        for known in self.detections.values():
            for tenant in sorted(self._tenants):
                forests = [name for name, owner in self._forests if owner == tenant]
                for forest in forests or [NONE]:
                    yield FindingLabels(known.id, known.family, known.severity.value, tenant, forest)

    def _forest(self, name: str) -> str:
        return name if name in self._forest_names else OTHER
