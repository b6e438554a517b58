"""`make screenshots`: every page of the desk in every state, light and dark, wide and narrow, into a folder."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import click

from tests.support.chromium import chromium
from tests.support.desk_states import HOSTILE, desk, many, paths

_DOCS = Path(__file__).parents[1] / "docs"
_LOOKS = {"": (1280, False), "-dark": (1280, True), "-390": (390, False)}


@click.command()
@click.option(
    "--output", type=click.Path(path_type=Path, file_okay=False), default=Path("screenshots"), show_default=True
)
@click.option("--findings", default=100_000, show_default=True, help="How many `many` has: a minute for the default.")
@click.option("--state", "states", multiple=True, help="Only these: empty, one, many, blind, hostile.")
@click.option("--readme", is_flag=True, help="Only the four of README, into docs/.")
def main(output: Path, findings: int, states: tuple[str, ...], *, readme: bool) -> None:
    """Take them; whoever changed a page looks at them."""
    if readme:
        asyncio.run(_for_readme())
        return
    output.mkdir(parents=True, exist_ok=True)
    found = {
        "empty": (0, False, False), "one": (1, False, False), "many": (findings, False, False),
        "blind": (0, False, True), "hostile": (60, True, True),
    }  # fmt: skip
    for state, (count, hostile, blind) in found.items():
        if not states or state in states:
            asyncio.run(_take(output, state, count, hostile=hostile, blind=blind))


async def _for_readme() -> None:
    _DOCS.mkdir(exist_ok=True)
    async with chromium() as page:
        with tempfile.TemporaryDirectory() as folder, desk(Path(folder), many(4_000)) as url:
            await page.look(1280)
            for title in ("now", "finding", "object_now", "trends"):
                await page.open(f"{url}{paths(next(many(1)))[title]}")
                picture = await page.picture(most_height=820, form="jpeg")
                (_DOCS / f"desk-{title.replace('_', '-')}.jpg").write_bytes(picture)


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
