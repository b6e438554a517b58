"""`make screenshots`: every page of the desk in every state, light and dark, wide and narrow, into a folder."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import click

from tests.support.chromium import chromium
from tests.support.desk_states import HOSTILE, desk, many, paths

_LOOKS = {"": (1280, False), "-dark": (1280, True), "-390": (390, False)}


@click.command()
@click.option(
    "--output", type=click.Path(path_type=Path, file_okay=False), default=Path("screenshots"), show_default=True
)
@click.option("--findings", default=100_000, show_default=True, help="How many `many` has: a minute for the default.")
@click.option("--state", "states", multiple=True, help="Only these: empty, one, many, blind, hostile.")
def main(output: Path, findings: int, states: tuple[str, ...]) -> None:
    """Take them; whoever changed a page looks at them."""
    output.mkdir(parents=True, exist_ok=True)
    found = {
        "empty": (0, False, False), "one": (1, False, False), "many": (findings, False, False),
        "blind": (0, False, True), "hostile": (60, True, True),
    }  # fmt: skip
    for state, (count, hostile, blind) in found.items():
        if not states or state in states:
            asyncio.run(_take(output, state, count, hostile=hostile, blind=blind))


async def _take(output: Path, state: str, count: int, *, hostile: bool, blind: bool) -> None:
    name = HOSTILE if hostile else "Ada Lovelace"
    async with chromium() as page:
        with (
            tempfile.TemporaryDirectory() as folder,
            desk(Path(folder), many(count, hostile=hostile), name=name, blind=blind) as url,
        ):
            for title, path in paths(next(many(1))).items():
                await page.look(1280)
                await page.open(f"{url}{path}")
                for suffix, (width, dark) in _LOOKS.items():
                    await page.look(width, dark=dark)
                    (output / f"{state}-{title}{suffix}.png").write_bytes(await page.picture())
    click.echo(f"{state}: {output}")


if __name__ == "__main__":
    main()
