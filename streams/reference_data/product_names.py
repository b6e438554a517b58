"""What Microsoft calls its products and portals, then and now. Pure."""

from __future__ import annotations

from typing import Literal

from streams.reference_data.table import Row, load


class Name(Row, frozen=True, kw_only=True):
    """One name, in lower case. match: whether it is looked for in the text, or is all of it.

    outdated: logs may still say so; we do not. ours: how we write it, where rules tell people of it.
    """

    product: str
    name: str
    match: Literal["part", "whole"]
    outdated: bool = False
    ours: str | None = None


TABLE = load("product_names", Name)
ADMIN_CENTRE = next(row.ours for row in TABLE.rows if row.product == "admin centre" and row.ours)
"""The portal in which people look at their tenant."""


def names(text: str, product: str) -> bool:
    """Whether `text` names that product, in any capitals."""
    said = text.lower()
    return any(
        row.name in said if row.match == "part" else row.name == said.strip()
        for row in TABLE.rows
        if row.product == product
    )
