"""A headless Chromium, spoken to by its DevTools protocol: pages as people see them.

Source: https://chromedevtools.github.io/devtools-protocol/ (Page, Runtime, Emulation, Target).
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from deploy.broker.process import die_with_parent
from tests.support.parts import missing_part

_WITHIN_S = 120.0
AXE = Path(__file__).parents[1] / "vendor" / "axe-4.10.3.min.js"


def require_chromium() -> None:
    """Return if there is one; else as missing_part says."""
    if shutil.which("chromium"):
        return
    missing_part("needs Chromium: apt-get install chromium")


class Page:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, session: str) -> None:
        self._socket, self._session = socket, session
        self._numbers = itertools.count(1000)

    async def open(self, url: str) -> None:
        """Load a page, and wait until it and its files are there."""
        await self.call("Page.navigate", url=url)
        ready = "document.readyState === 'complete' && location.href !== 'about:blank'"
        async with asyncio.timeout(_WITHIN_S):
            while not await self.evaluate(ready):
                await asyncio.sleep(0.02)

    async def look(self, width: int, *, dark: bool = False) -> None:
        """Another width of the window, another colour scheme."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.call("Emulation.setEmulatedMedia", features=[scheme])

    async def evaluate(self, script: str) -> Any:
        """The value of an expression, awaited where it is a promise. Raises RuntimeError where it throws."""
        said = await self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in said:
            raise RuntimeError(str(said["exceptionDetails"]))
        return said["result"].get("value")

    async def picture(self, *, most_height: int = 2400, form: str = "png") -> bytes:
        """The whole page, to `most_height` pixels. form: png or jpeg."""
        size = (await self.call("Page.getLayoutMetrics"))["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], most_height), "scale": 1}
        said = await self.call("Page.captureScreenshot", format=form, captureBeyondViewport=True, clip=clip)
        return base64.b64decode(said["data"])

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One call of the protocol."""
        return await _call(self._socket, next(self._numbers), method, parameters, self._session)


async def _call(
    socket: aiohttp.ClientWebSocketResponse, number: int, method: str, parameters: dict[str, Any], session: str | None
) -> dict[str, Any]:
    message = {"id": number, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
    await socket.send_json(message)
    async with asyncio.timeout(_WITHIN_S):
        while True:
            said = await socket.receive_json()
            if said.get("id") == number:
                if "error" in said:
                    raise RuntimeError(f"{method}: {said['error']}")
                found: dict[str, Any] = said["result"]
                return found


@asynccontextmanager
async def chromium() -> AsyncIterator[Page]:
    """A browser with one empty tab, until the block ends."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
                   "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"]  # fmt: skip
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=die_with_parent()
        )
        try:
            port_file = Path(profile) / "DevToolsActivePort"
            async with asyncio.timeout(_WITHIN_S):
                while not (port_file.exists() and port_file.read_text().count("\n")):
                    await asyncio.sleep(0.05)
            port, path = port_file.read_text().split("\n")[:2]
            async with (
                aiohttp.ClientSession() as client,
                client.ws_connect(f"ws://127.0.0.1:{port}{path}", max_msg_size=0) as socket,
            ):
                target = await _call(socket, 1, "Target.createTarget", {"url": "about:blank"}, None)
                attach = {"targetId": target["targetId"], "flatten": True}
                session = (await _call(socket, 2, "Target.attachToTarget", attach, None))["sessionId"]
                page = Page(socket, session)
                await page.call("Page.enable")
                yield page
        finally:
            process.kill()
            process.wait()
