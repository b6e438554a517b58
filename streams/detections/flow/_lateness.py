"""What the rules on single attributes share: each difference is one of three things, and never two of them.

dropped:  the object was exported after AD changed the attribute, and the cloud still shows something else.
overdue:  we saw AD change it, nothing was exported since, and fewer than DRIFT_CYCLES have passed.
drifted:  nothing was exported since, and either more cycles have passed or it differed when we first looked.

A property that differs for many of its forest since we first looked has a finding, flow.attribute_flows_otherwise, and
is left out here. Accounts disabled in AD alone have a rule of their own, authority.account_enabled_only_in_cloud.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from streams.contracts.times import time_in
from streams.detections.conflict._of_address import OF_AN_ADDRESS, contested, findings_about
from streams.detections.detection import Context, Verdict
from streams.detections.domains import domains_of
from streams.detections.flow.attribute_flows_otherwise import DETECTION as FLOWS_OTHERWISE
from streams.detections.flow.attribute_flows_otherwise import in_forest
from streams.detections.hygiene._faults import OF_A_VALUE, not_taken
from streams.directory.addresses import fold_proxy_address
from streams.views.identity.expected_export import Difference, differences, partners, sources_of
from streams.views.identity.object_view import ObjectView

OF_THE_VALUE = (*OF_AN_ADDRESS, *OF_A_VALUE)
"""What explains a value that the cloud lacks: who else has it, or its form."""
# Later than this it is not late any more: nothing is on its way.
DRIFT_CYCLES = 6


def dropped(view: ObjectView, context: Context) -> list[Difference]:
    """The differences that an export of the object has not mended."""
    found = _differences(view, context)
    exported_ms = _exported_ms(view) if found else 0
    return [each for each in found if exported_ms > each.since_ms]


def pending(view: ObjectView, context: Context) -> list[Difference]:
    """The differences since which the object has not been exported."""
    found = _differences(view, context)
    exported_ms = _exported_ms(view) if found else 0
    return [each for each in found if exported_ms <= each.since_ms]


def drifts_at_ms(difference: Difference, context: Context) -> int:
    """When a pending difference stops being late and is drift."""
    return difference.since_ms + (DRIFT_CYCLES * context.cycle_ms if difference.seen else context.patience_ms)


def verdict(
    view: ObjectView,
    context: Context,
    found: Sequence[Difference],
    says: str,
    *,
    open_at_ms: int,
    keep_open: bool = False,
    recheck_at_ms: int | None = None,
    evidence: dict[str, Any] | None = None,
) -> Verdict:
    """A verdict on these differences; `says` goes between the object's name and the attributes."""
    pair = partners(view)
    assert pair is not None and found
    ad, cloud = pair
    names = [each.attribute for each in found]
    return Verdict(
        summary=f"{ad.party.name}: {says}: {', '.join(names)}",
        since_ms=min(each.since_ms for each in found),
        open_at_ms=open_at_ms,
        keep_open=keep_open,
        recheck_at_ms=recheck_at_ms,
        subject=ad.party.subject(view.key),
        forest=ad.party.forest,
        evidence={
            "differences": [
                {"attribute": each.attribute, "wanted": each.wanted, "found": each.found} for each in found
            ],
            **(evidence or {}),
        },
        counterparts=(ad.party.holder("authority", names), cloud.party.holder("differs", names)),
        explained_by=("flow.export_error", *_explained_by(view, found, context)),
    )


def _explained_by(view: ObjectView, found: Sequence[Difference], context: Context) -> tuple[str, ...]:
    """The findings about the values that the cloud lacks, where each has one: contested addresses, faults of form."""
    faults, told, lacking = list(not_taken(view, context)), set(), set()
    for each in found:
        several = each.attribute == "proxyAddresses"
        if several and each.found:
            return ()
        sources = sources_of(each.attribute, context.flows)
        for value in each.wanted if several else [each.wanted]:
            address = _folded(value) if each.attribute in _ADDRESSES else None
            by = {
                detection
                for attribute, faulty, detection in faults
                if (_folded(faulty) == address if several else attribute in sources)
            }
            if by:
                told |= by
            elif address is not None and address in contested(view):
                lacking.add(address)
            else:
                return ()
    return (*findings_about(view.tenant, lacking), *sorted(told))


def _folded(value: object) -> str | None:
    address = fold_proxy_address(str(value))
    return address.folded if address is not None else None


_ADDRESSES = frozenset({"userPrincipalName", "mail", "proxyAddresses"})


def _differences(view: ObjectView, context: Context) -> list[Difference]:
    pair = partners(view)
    if pair is None:
        return []
    otherwise = context.cause_only.get(FLOWS_OTHERWISE.id, frozenset())
    found = [
        each
        for each in differences(view, domains_of(context))
        if (each.attribute != "accountEnabled" or each.wanted is True)
        # The property alone: a cause that an older version has told.
        and otherwise.isdisjoint((each.attribute, in_forest(each.attribute, pair[0].party.forest)))
    ]
    # An object that has just come into scope brings along what changed while nobody exported it.
    moved_ms = max(pair[0].changed.get("distinguishedName", 0), pair[0].scoped_ms)
    return [replace(each, since_ms=moved_ms) if moved_ms > each.since_ms else each for each in found]


def _exported_ms(view: ObjectView) -> int:
    """When the engine last wrote the cloud object (ms); 0 while unknown."""
    pair = partners(view)
    return time_in(pair[1].attributes, "onPremisesLastSyncDateTime", 0) if pair is not None else 0
