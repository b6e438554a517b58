"""What a command writes to, in a test: a terminal or a pipe that keeps every character; and what may stand there."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator

import pytest

from deploy.cli.main import main


class Screen(io.TextIOWrapper):
    """Standard output that keeps what it gets; `terminal`: it says that it is one."""

    def __init__(self, *, terminal: bool = True) -> None:
        self._kept, self._terminal = io.BytesIO(), terminal
        super().__init__(self._kept, encoding="utf-8", newline="", write_through=True)

    def isatty(self) -> bool:
        return self._terminal

    @property
    def text(self) -> str:
        return self._kept.getvalue().decode()


@contextlib.contextmanager
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A terminal without colours, so that every control character is the text's own."""
    with monkeypatch.context() as patched:
        for name, value in {"TERM": "dumb", "COLUMNS": "150"}.items():
            patched.setenv(name, value)
        yield


def spoken(monkeypatch: pytest.MonkeyPatch, *words: str, terminal: bool) -> tuple[int, str, str]:
    """Run `synchealth WORDS…` in this process: its exit code, what it printed, and what it said on stderr."""
    out, err, code = Screen(terminal=terminal), Screen(terminal=terminal), 0
    with plain_terminal(monkeypatch), monkeypatch.context() as patched:
        patched.setattr(sys, "argv", ["synchealth", *words])
        patched.setattr(sys, "stdout", out)
        patched.setattr(sys, "stderr", err)
        try:
            main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return code, out.text, err.text


def acted_on(text: str) -> list[str]:
    """Characters other than line ends that a terminal would act on, or that hide or turn their neighbours."""
    return sorted({ascii(each) for each in text.replace("\r\n", "\n") if not each.isprintable() and each != "\n"})
