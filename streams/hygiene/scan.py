"""The whole directory at once: every object's faults, uniqueness included. Pure; the caller reads and writes.

Two passes: `enroll` every object, `close`, then `check` those that `suspects` names, in order. Time is linear in
the objects; memory is the index (8 bytes per claim), one byte per object, and the hashes of the proposals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from streams.hygiene.check import check, survey
from streams.hygiene.faults import Action, Breach, ErrorName, Fault
from streams.hygiene.objects import DirectoryObject
from streams.hygiene.rules import Claim, Profile, UniqueRule
from streams.hygiene.tenant import TenantContext
from streams.hygiene.uniqueness import MOST_NAMED, ClaimIndex, Holdings, SeenFrom

_CLEAN, _DOUBTFUL, _CONTESTED = 0, 1, 2


class Scan:
    """One scan under one profile.

    read: object number -> that object again, for the few whose values are contested.
    """

    def __init__(self, profile: Profile, tenant: TenantContext, read: Callable[[int], DirectoryObject]) -> None:
        self._profile = profile
        self._tenant = tenant
        self._read = read
        self._index = ClaimIndex()
        self._holdings = Holdings(self._index, self._read_holder)
        self._marks = bytearray()
        self._closed = False
        self._offered: dict[int, int] = {}
        self._unique = {rule.attribute: rule for rule in profile.catalogue if isinstance(rule, UniqueRule)}

    def enroll(self, subject: DirectoryObject) -> None:
        """First pass: enter what the next object claims; objects are numbered from 0."""
        ordinal = len(self._marks)
        claims, is_clean = survey(subject, self._profile, self._tenant)
        if claims:
            self._index.add(ordinal, claims)
        self._marks.append(_CLEAN if is_clean else _DOUBTFUL)

    def pass_over(self) -> None:
        """First pass: number the next object, and check it never."""
        self._marks.append(_CLEAN)

    def close(self) -> None:
        """End the first pass."""
        self._index.close()
        for ordinal in self._index.contested_ordinals():
            self._marks[ordinal] |= _CONTESTED
        self._closed = True

    def suspects(self) -> Iterator[int]:
        """The numbers of the objects that may have a fault, ascending: the second pass needs only these."""
        if not self._closed:
            raise RuntimeError("close the scan before the second pass")
        return (ordinal for ordinal, mark in enumerate(self._marks) if mark != _CLEAN)

    def check(self, ordinal: int, subject: DirectoryObject) -> tuple[Fault, ...]:
        """Second pass, in ascending order: the object's faults; under `idfix` with the extra rows it shows."""
        if not self._marks[ordinal] & _CONTESTED:
            faults = check(subject, self._profile, self._tenant)
        else:
            view = SeenFrom(self._holdings, ordinal, later_only=self._profile.later_only)
            faults = check(subject, self._profile, self._tenant, view)
        if not faults:
            return ()
        checked = [self._with_clashes(fault, ordinal, subject) for fault in faults]
        if not self._profile.later_only:
            return tuple(checked)
        return tuple(row for fault in checked for row in (*self._row_of_first_holder(fault), fault))

    @property
    def index_bytes(self) -> int:
        """What the scan holds in memory for all objects together."""
        return self._index.size_bytes + len(self._marks)

    def _read_holder(self, ordinal: int) -> tuple[str, frozenset[Claim]]:
        subject = self._read(ordinal)
        return subject.dn, frozenset(survey(subject, self._profile, self._tenant)[0])

    def _with_clashes(self, fault: Fault, ordinal: int, subject: DirectoryObject) -> Fault:
        """Name who already holds, or was already offered, the proposed value."""
        rule = self._unique.get(fault.attribute)
        proposed = fault.proposed_value
        if rule is None or proposed is None or proposed == fault.value:
            return fault
        dns: list[str] = []
        if rule.applies is None or rule.applies(subject):
            claim = rule.claim(proposed)
            holders = self._holdings.holders(claim)
            dns += [dn for number, dn in holders if number != ordinal][:MOST_NAMED]
            earlier = self._offered.setdefault(hash(claim), ordinal)
            if earlier != ordinal:
                dns.append(self._read(earlier).dn)
        return replace(fault, proposed_value_holders=tuple(dict.fromkeys(dns))) if dns else fault

    def _row_of_first_holder(self, fault: Fault) -> tuple[Fault, ...]:
        """The row IdFix adds for the first holder of a repeated value, once per repeat (idfix.md section 6).

        It looks the holder up by the later object's STORED value, shows that object's class, and leaves the
        row out where only repaired values met; all of that is kept.
        """
        if ErrorName.DUPLICATE not in fault.errors or fault.proposed_action is not Action.EDIT:
            return ()
        stored = fault.value or ""
        rule = self._unique[fault.attribute]
        holders = self._holdings.holders(rule.claim(stored))
        if not holders:
            return ()
        first = self._read(holders[0][0])
        breach = Breach(
            rule.id,
            rule.errors,
            stored,
            stored,
            holders=tuple(dn for number, dn in holders[1:] if number != holders[0][0])[:MOST_NAMED],
            action=fault.proposed_action,
        )
        row = replace(fault, dn=first.dn, common_name=first.common_name, breaches=(breach,))
        return (row,)
