"""Structured logs on stderr, those of libraries included: readable on a terminal, JSON lines elsewhere."""

from __future__ import annotations

import logging
import sys
from typing import Any, cast

import structlog

from streams.runtime.printable import printable, printable_lines
from streams.runtime.redaction import redacted

# Libraries that log every poll at INFO, or whole requests at DEBUG.
_NOISY = ("kafka", "aiokafka", "faust", "mode", "urllib3", "msal", "asyncio", "aiohttp.access")


def configure_logs(level: str = "info", *, json: bool | None = None) -> None:
    """Set up logging for this process. `json` None: JSON unless stderr is a terminal."""
    if json is None:
        json = not sys.stderr.isatty()
    threshold = logging.getLevelNamesMapping()[level.upper()]
    renderers: list[Any] = (
        [structlog.processors.JSONRenderer()]
        if json
        else [_for_people, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            *renderers,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = _Stderr()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                _of_library,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
            ],
        )
    )
    root = logging.getLogger()
    for earlier in [each for each in root.handlers if isinstance(each, _Stderr)]:
        root.removeHandler(earlier)
    root.addHandler(handler)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))


class _Stderr(logging.Handler):
    """Writes to what is standard error now."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(f"{self.format(record)}\n")
        except Exception:  # noqa: BLE001  as logging's own handlers: a log line ends no process
            self.handleError(record)


def _of_library(_logger: object, _name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A line of a library in our own shape: its text is in part a stranger's, and may hold a secret."""
    record: logging.LogRecord = event["_record"]
    said = {**event, "event": printable(redacted(str(event["event"]))), "component": record.name}
    if record.exc_info and record.exc_info[0] is not None and record.name.startswith("kafka.net."):
        # Its client tells of races of its own over a socket that is closed: a traceback there helps nobody.
        kind, error = record.exc_info[:2]
        said |= {"exc_info": None, "error": printable(redacted(f"{kind.__name__}: {error}"))}
    return said


def _for_people(_logger: object, _name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """What a terminal would act on, as escapes; JSON has its own. A traceback keeps its lines."""
    return {
        name: (printable_lines if name == "exception" else printable)(value) if isinstance(value, str) else value
        for name, value in event.items()
    }


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """The logger of a module; pass key=value pairs, never whole objects or secrets."""
    return cast(structlog.typing.FilteringBoundLogger, structlog.get_logger(component=name))
