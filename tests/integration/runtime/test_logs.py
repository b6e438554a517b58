"""Logs of libraries come out in our own shape, one line each, whatever their text holds."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator

import orjson
import pytest
from structlog.testing import capture_logs

from streams.runtime.logs import configure_logs, get_logger

FORGED = 'refused\n{"event": "forged", "level": "info"} \x1b[31m\x9b\u202e'


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    before = list(root.handlers)
    yield
    for handler in [each for each in root.handlers if each not in before]:
        root.removeHandler(handler)


@pytest.mark.parametrize("name", ["kafka.conn", "aiokafka", "faust", "requests", "urllib3", "msal", "ldap3", "asyncio"])
def test_json_where_json_is_asked_for(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs(json=True)
    configure_logs(json=True)  # by a second role of the same process: still one line each
    try:
        raise ValueError(FORGED)
    except ValueError:
        logging.getLogger(name).exception("%s: Bearer abcdefghijklmnop0123456789", FORGED)
    (line,) = capfd.readouterr().err.splitlines()
    said = orjson.loads(line)
    assert (said["component"], said["level"]) == (name, "error")
    assert "forged" in said["event"] and "abcdefghijk" not in said["event"]
    assert "Traceback" in said["exception"]


def test_what_is_raised_quotes_no_secret(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs(json=True)
    try:
        raise ValueError("Authorization: Bearer abcdefghijklmnop0123456789")
    except ValueError as error:
        logging.getLogger("requests").exception("refused")
        get_logger("ours").error("refused", error=str(error), exc_info=True)
    said = capfd.readouterr().err
    assert len(said.splitlines()) == 2 and "abcdefghijk" not in said


@pytest.mark.parametrize(
    "what",
    ["raise ValueError(FORGED)", "threading.Thread(target=int, args=[FORGED]).start()", "warnings.warn(FORGED)",
     "Last()"],
)  # fmt: skip
def test_what_python_itself_says_of_a_process_is_a_line_of_the_log(what: str) -> None:
    (line,), text = of_a_process(what)
    assert line["component"] in ("python", "py.warnings")
    assert "forged" in text and "abcdefghijk" not in text


def test_a_line_that_cannot_be_written_is_said_and_not_quoted() -> None:
    (line,), text = of_a_process("logging.getLogger('some.client').error('%d', FORGED)")
    assert line["component"] == "some.client" and "forged" not in text


def of_a_process(what: str) -> tuple[list[dict[str, str]], str]:
    """What a process that does `what` leaves on stderr: as lines of JSON, and as it is."""
    code = f"""
import logging, threading, warnings
from streams.runtime.logs import configure_process
class Last:
    def __del__(self): raise ValueError(FORGED)
FORGED = {FORGED!r} + " Bearer abcdefghijklmnop0123456789"
configure_process(json=True)
{what}
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return [orjson.loads(line) for line in done.stderr.splitlines()], done.stderr


def test_on_a_terminal_nothing_is_acted_on(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs(json=False)
    logging.getLogger("kafka.conn").error(FORGED)
    get_logger("ours").error("refused", text=FORGED, code=1)
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(character.isprintable() for line in lines for character in line)


def test_handlers_of_others_stay() -> None:
    other = logging.NullHandler()
    logging.getLogger().addHandler(other)
    try:
        configure_logs(json=True)
        assert other in logging.getLogger().handlers
    finally:
        logging.getLogger().removeHandler(other)


def test_logs_are_captured_whoever_configured_them_before() -> None:
    """The tests of a process share its loggers, and some call commands, which configure logs."""
    ours = get_logger("ours")
    for _ in range(2):
        configure_logs(json=True)
        ours.warning("said")
    with capture_logs() as logs:
        ours.warning("heard")
    assert [line["event"] for line in logs] == ["heard"]


def test_the_kafka_client_shows_no_tracebacks_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", json=True)
    try:
        None.recv()  # type: ignore[attr-defined]
    except AttributeError:
        logging.getLogger("kafka.net.transport").exception("the transport")
    (line,) = capsys.readouterr().err.splitlines()
    said = orjson.loads(line)
    assert said["error"].startswith("AttributeError: ") and "exception" not in said and "Traceback" not in line
