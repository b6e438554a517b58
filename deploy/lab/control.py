"""Orders to a running lab, through files of its directory: only who may write there may break things."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

_LOOK_EVERY_S = 0.3
_ALIVE = "running"


def obey(folder: Path, perform: Callable[[str], str], stop: threading.Event) -> None:
    """Perform orders until `stop` is set; `perform` gets an order and gives the answer."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in folder.iterdir():
        left.unlink()
    (folder / _ALIVE).touch()
    try:
        while not stop.wait(_LOOK_EVERY_S):
            for order in sorted(folder.glob("*.order")):
                text = order.read_text()
                order.unlink()
                _write(order.with_suffix(".answer"), perform(text))
    finally:
        (folder / _ALIVE).unlink(missing_ok=True)


def order(folder: Path, text: str, *, within_s: float = 20.0) -> str | None:
    """Give an order and wait for the answer; None where no lab runs there or none answers."""
    if not (folder / _ALIVE).exists():
        return None
    file = folder / f"{uuid.uuid4().hex}.order"
    answer = file.with_suffix(".answer")
    _write(file, text)
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if answer.exists():
            said = answer.read_text()
            answer.unlink()
            return said
        time.sleep(0.05)
    file.unlink(missing_ok=True)
    return None


def _write(file: Path, text: str) -> None:
    """Whole or not at all: the other side may look at any moment."""
    part = file.with_suffix(".part")
    part.write_text(text)
    part.rename(file)
