"""What the rules on single attributes share: each difference is one of three things, and never two of them.

dropped:  the object was exported after AD changed the attribute, and the cloud still shows something else.
overdue:  we saw AD change it, nothing was exported since, and fewer than DRIFT_CYCLES have passed.
drifted:  nothing was exported since, and either more cycles have passed or it differed when we first looked.

A property that differs for many since we first looked has a finding of its own, flow.attribute_flows_otherwise, and is
left out here. Accounts that are disabled in AD alone have a rule of their own, authority.account_enabled_only_in_cloud.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from streams.detections.conflict._of_address import contested, findings_about
from streams.detections.detection import Context, Verdict
from streams.detections.domains import domains_of
from streams.views.addresses import fold_proxy_address
from streams.views.directory_object import ObjectView
from streams.views.drift import Difference, differences, partners
from streams.views.view import time_in

FLOWS_OTHERWISE = "flow.attribute_flows_otherwise"
# One cycle may just have missed the change, the second one must bring it.
CYCLES = 2
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
    return difference.since_ms + (DRIFT_CYCLES if difference.seen else CYCLES) * context.cycle_ms


def verdict(
    view: ObjectView,
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
        explained_by=("flow.export_error", *_conflicts(view, found)),
    )


def _conflicts(view: ObjectView, found: Sequence[Difference]) -> tuple[str, ...]:
    """The findings about the addresses that the cloud lacks, where nothing else differs."""
    lacking: set[str] = set()
    for each in found:
        wanted = each.wanted if each.attribute == "proxyAddresses" else [each.wanted]
        if each.attribute not in _ADDRESSES or (each.attribute == "proxyAddresses" and each.found):
            return ()
        lacking |= {address.folded for value in wanted if (address := fold_proxy_address(str(value))) is not None}
    return findings_about(view.tenant, lacking) if lacking <= contested(view) else ()


_ADDRESSES = frozenset({"userPrincipalName", "mail", "proxyAddresses"})


def _differences(view: ObjectView, context: Context) -> list[Difference]:
    otherwise = context.cause_only.get(FLOWS_OTHERWISE, ())
    found = [
        each
        for each in differences(view, domains_of(context))
        if (each.attribute != "accountEnabled" or each.wanted is True) and each.attribute not in otherwise
    ]
    # An object that has just come into scope brings along what changed while nobody exported it.
    pair = partners(view) if found else None
    moved_ms = pair[0].changed.get("distinguishedName", 0) if pair is not None else 0
    return [replace(each, since_ms=moved_ms) if moved_ms > each.since_ms else each for each in found]


def _exported_ms(view: ObjectView) -> int:
    """When the engine last wrote the cloud object (ms); 0 while unknown."""
    pair = partners(view)
    return time_in(pair[1].attributes, "onPremisesLastSyncDateTime", 0) if pair is not None else 0
