"""Every view class, by the first part of its keys."""

from __future__ import annotations

from streams.views.address import AddressView
from streams.views.directory_object import ContactView, GroupView, UserView
from streams.views.reference import ReferenceView
from streams.views.unique_value import UniqueValueView

AnyView = AddressView | UserView | GroupView | ContactView | ReferenceView | UniqueValueView

VIEW_CLASSES: dict[str, type[AnyView]] = {
    "address": AddressView,
    "user": UserView,
    "group": GroupView,
    "contact": ContactView,
    "reference": ReferenceView,
    "value": UniqueValueView,
}


def view_class(key: str) -> type[AnyView] | None:
    """The class of the view with this key; None for a kind this version does not know."""
    return VIEW_CLASSES.get(key.partition("/")[0])
