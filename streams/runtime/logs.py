"""Structured logs on stderr: readable on a terminal, JSON lines elsewhere."""

from __future__ import annotations

import logging
import sys
from typing import Any, cast

import structlog

# Libraries that log every poll at INFO, or whole requests at DEBUG.
_NOISY = ("kafka", "aiokafka", "faust", "mode", "urllib3", "msal", "asyncio", "aiohttp.access")


def configure_logs(level: str = "info", *, json: bool | None = None) -> None:
    """Set up logging for this process. `json` None: JSON unless stderr is a terminal."""
    if json is None:
        json = not sys.stderr.isatty()
    threshold = logging.getLevelNamesMapping()[level.upper()]
    renderer: Any = (
        structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """The logger of a module; pass key=value pairs, never whole objects or secrets."""
    return cast(structlog.typing.FilteringBoundLogger, structlog.get_logger(component=name))
