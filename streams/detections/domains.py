"""What of a tenant's context decides how the cloud should show an AD object."""

from __future__ import annotations

from streams.detections.detection import Context
from streams.views.identity.expected_export import Domains

_UPN_FLOWS = "synchronizeUpnForManagedUsersEnabled"


def domains_of(context: Context) -> Domains:
    """The domains of the context, and whether UPN changes flow: taken for granted unless the tenant says no."""
    return context.memo.once("domains", None, lambda: _domains_of(context))


def _domains_of(context: Context) -> Domains:
    upn_flows = context.feature(_UPN_FLOWS) is not False
    return Domains(
        context.verified_domains,
        context.initial_domain,
        upn_flows=upn_flows,
        flows=context.flows,
        elsewhere=context.elsewhere,
        managers_since_ms=context.managers_since_ms,
        cloud_sync_alone=context.cloud_sync_alone,
    )
