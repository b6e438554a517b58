"""Every page of the desk in a real Chromium: no serious fault that axe knows, and nothing wider than a telephone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.chromium import AXE, Page, chromium, require_chromium
from tests.support.desk_states import HOSTILE, desk, many, paths

pytestmark = pytest.mark.slow
_RUN = "axe.run(document, {resultTypes: ['violations']%s}).then(found => found.violations)"
_EVERYTHING, _COLOURS = _RUN % "", _RUN % ", runOnly: ['color-contrast']"
# https://github.com/dequelabs/axe-core/blob/develop/doc/API.md#results-object
_SERIOUS = {"serious", "critical"}


async def serious(page: Page, script: str) -> list[str]:
    return [
        f"{each['id']}: {each['help']}: {each['nodes'][0]['html'][:200]}"
        for each in await page.evaluate(script)
        if each["impact"] in _SERIOUS
    ]


@pytest.mark.parametrize("hostile", [False, True])
async def test_every_page_can_be_read_by_everybody(hostile: bool, tmp_path: Path) -> None:
    require_chromium()
    faults: list[str] = []
    name = HOSTILE if hostile else "Ada Lovelace"
    with desk(tmp_path, many(60, hostile=hostile), name=name, blind=hostile) as url:
        async with chromium() as page:
            for title, path in paths(next(many(1))).items():
                await page.look(1280)
                await page.open(f"{url}{path}")
                assert await page.evaluate("document.title"), title
                if not hostile:
                    await page.evaluate(AXE.read_text() + "; true")
                    found = await serious(page, _EVERYTHING)
                    await page.look(1280, dark=True)
                    faults += [f"{title}: {each}" for each in {*found, *await serious(page, _COLOURS)}]
                await page.look(390)
                width = await page.evaluate("document.documentElement.scrollWidth")
                if width > 390:
                    faults.append(f"{title} is {width} pixels wide on a telephone of 390")
            foreign = "[...document.scripts].filter(each => !each.src.startsWith(location.origin)).length"
            await page.open(f"{url}/")
            assert await page.evaluate(foreign) == 0
    assert faults == []
