"""Where a user, group or contact stands between AD and the cloud."""

from __future__ import annotations

from streams.views.identity.object_view import ObjectView


def standing(view: ObjectView) -> str | None:
    """Where an object stands, in a word; None for one that synchronisation does not concern.

    synced, missing (in scope, not in the cloud), leaving_deleted and leaving_scope (the next export deletes it in
    the cloud), outside (in AD, out of scope, not in the cloud).
    """
    if view.joined is False and not view.entra:
        return None  # somebody else's account stands for it
    in_scope = any(side.party.in_scope for side in view.ad)
    synced = any(side.party.synced is True for side in view.entra)
    if not in_scope and any(side.party.may_be_in_scope for side in view.ad):
        return None  # nobody has told
    if in_scope:
        return "synced" if view.entra else "missing"
    if synced and view.ad:
        return "leaving_scope"
    if synced and view.gone:
        return "leaving_deleted"
    return "outside" if view.ad and not view.entra else None


def forest_of(view: ObjectView) -> str:
    """The forest of an object's AD side, or of the one that it had last; "none" where it is unknown."""
    return next((side.party.forest for side in (*view.ad, *view.gone) if side.party.forest), "none")
