"""Structured logs on stderr, those of libraries included: readable on a terminal, JSON lines elsewhere."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from types import TracebackType
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
            _without_secrets,
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
                _without_secrets,
            ],
        )
    )
    root = logging.getLogger()
    for earlier in [each for each in root.handlers if isinstance(each, _Stderr)]:
        root.removeHandler(earlier)
    root.addHandler(handler)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))


def configure_process(level: str = "info", *, json: bool | None = None) -> None:
    """The same for a process that is ours alone: what Python itself would print on stderr is a line of the log, too."""
    configure_logs(level, json=json)
    logging.captureWarnings(True)
    uncaught = logging.getLogger("python")

    def of_main(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        uncaught.critical("uncaught", exc_info=(kind, error, trace))

    def of_thread(said: threading.ExceptHookArgs) -> None:
        if said.exc_value is not None:
            name = said.thread.name if said.thread is not None else "thread"
            uncaught.critical("uncaught in %s", name, exc_info=said.exc_value)

    def of_nobody(said: sys.UnraisableHookArgs) -> None:
        uncaught.error("unraisable: %s", said.err_msg or "", exc_info=said.exc_value)

    sys.excepthook, threading.excepthook, sys.unraisablehook = of_main, of_thread, of_nobody


class _Stderr(logging.Handler):
    """Writes to what is standard error now."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(f"{self.format(record)}\n")
        except Exception as error:  # noqa: BLE001  a log line ends no process, and logging's own cry quotes it
            with contextlib.suppress(OSError, ValueError):
                said = {"component": record.name, "error": type(error).__name__}
                structlog.get_logger().error("a line of a library cannot be written", **said)


def _of_library(_logger: object, _name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A line of a library in our own shape: its text is in part a stranger's, and may hold a secret."""
    record: logging.LogRecord = event["_record"]
    said = {**event, "event": printable(redacted(str(event["event"]))), "component": record.name}
    if record.exc_info and record.exc_info[0] is not None and record.name.startswith("kafka.net."):
        # Its client tells of races of its own over a socket that is closed: a traceback there helps nobody.
        kind, error = record.exc_info[:2]
        said |= {"exc_info": None, "error": printable(redacted(f"{kind.__name__}: {error}"))}
    return said


def _without_secrets(_logger: object, _name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """What was raised may quote what was sent."""
    return {
        name: redacted(value) if name in ("error", "exception") and isinstance(value, str) else value
        for name, value in event.items()
    }


def _for_people(_logger: object, _name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """What a terminal would act on, as escapes; JSON has its own. A traceback keeps its lines."""
    return {
        name: (printable_lines if name == "exception" else printable)(value) if isinstance(value, str) else value
        for name, value in event.items()
    }


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """The logger of a module; pass key=value pairs, never whole objects or secrets."""
    return cast(structlog.typing.FilteringBoundLogger, structlog.get_logger(component=name))
