"""How tests are spread over the processes of pytest-xdist (`make test`), what CPU each took, and that none changes the
logs of the next.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import settings

from deploy.broker import Broker, kafka
from tests.support import java
from tests.support.brokers import delete_topics, require_kafka

# How long an example takes says nothing about it: others share the machine.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")

_WAITING = ("e2e", "integration")
_COMPUTING = ("lab", "laws", "contract", "unit")
_GIVES_WAY = {"lab", "laws", "unit"}
_MODEST = 5
_CPU_OF = "cpu_s"  # on a test's last report, which reaches the process that prints
_MOST_CPU = 30
_BEGAN_AT = pytest.StashKey[float]()


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator[Broker]:
    """One Apache Kafka for all tests of a process; compaction is made eager, so that tests see it happen.

    Who needs topics takes an emptied one: `empty_kafka`, or `kafka_of_file` for all tests of a file.
    """
    require_kafka()
    with kafka(overrides={"log.cleaner.backoff.ms": "1000", "log.cleaner.min.cleanable.ratio": "0.01"}) as broker:
        yield broker


@pytest.fixture
def empty_kafka(kafka_broker: Broker) -> Broker:
    """Apache Kafka without any topic of ours."""
    delete_topics(kafka_broker.bootstrap)
    return kafka_broker


@pytest.fixture(scope="module")
def kafka_of_file(kafka_broker: Broker) -> Broker:
    """Apache Kafka, without any topic of ours when the file begins."""
    delete_topics(kafka_broker.bootstrap)
    return kafka_broker


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """Who configures logs (a command called here, a simulation) does so until its test ends."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def pytest_configure(config: pytest.Config) -> None:
    """A logger that is cached keeps what was configured when it first spoke: `capture_logs` would see nothing of it.

    The order is ours: pytest-xdist would have files of many tests first, and single tests of minutes last.
    """
    config.option.loadscopereorder = False
    configure = structlog.configure

    def uncached(**options: Any) -> None:
        configure(**{**options, "cache_logger_on_first_use": False})

    pytest.MonkeyPatch().setattr(structlog, "configure", uncached)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What was collected lives to the end: the garbage collector need not look at it, now or after any test.

    Seven thousand tests are 335,000 objects; to look at all of them takes 0.2 CPU seconds, each time.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    item.stash[_BEGAN_AT] = _cpu_s(item)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    if call.when == "teardown":
        item.user_properties.append((_CPU_OF, _cpu_s(item) - item.stash[_BEGAN_AT]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """With `--durations`: what took the cores, which is what decides how long everything takes."""
    if config.option.durations is None:
        return
    found = [
        (seconds, report.nodeid)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "teardown"
        for name, seconds in report.user_properties
        if name == _CPU_OF
    ]
    files = Counter[str]()
    for seconds, nodeid in found:
        files[nodeid.partition("::")[0]] += seconds
    terminalreporter.section(f"CPU seconds: {sum(files.values()):.0f}")
    for seconds, what in [*sorted(found, reverse=True)[:_MOST_CPU], *((s, f) for f, s in files.most_common(_MOST_CPU))]:
        terminalreporter.write_line(f"{seconds:7.1f} {what}")


def _cpu_s(item: pytest.Item) -> float:
    """CPU seconds of this process and its children: those that have ended; where tests wait for others, every one.

    Source: Linux, proc_pid_stat(5) (utime, stime, cutime, cstime) and proc_pid_task(5) (children).
    """
    if _room(item) not in _WAITING:
        return sum(os.times()[:4])
    below, ticks = [str(os.getpid())], 0
    while below:
        process = Path("/proc", below.pop())
        with contextlib.suppress(OSError):  # it has ended
            ticks += sum(map(int, (process / "stat").read_text().rpartition(")")[2].split()[11:15]))
            for thread in (process / "task").iterdir():
                below += (thread / "children").read_text().split()
    return ticks / os.sysconf("SC_CLK_TCK")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """What only computes gives way to its neighbours: who waits for a pipeline should see the pace of the pipeline."""
    if _room(item) not in _GIVES_WAY or "PYTEST_XDIST_WORKER" not in os.environ or os.geteuid() != 0:
        return (yield)
    os.setpriority(os.PRIO_PROCESS, 0, _MODEST)
    try:
        return (yield)
    finally:
        with contextlib.suppress(PermissionError):  # a container may not let its root come back
            os.setpriority(os.PRIO_PROCESS, 0, 0)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None]:
    """After a failure, no Kafka client outlives its file: its thread draws from `random`, which Hypothesis refuses."""
    yield
    if item.session.testsfailed and (nextitem is None or nextitem.path != item.path):
        from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

        for client in [
            one for one in gc.get_objects() if type(one) in {KafkaAdminClient, KafkaConsumer, KafkaProducer}
        ]:
            client.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file stays together, as its tests share brokers and directories; `apart` lets each test go its own way.

    What waits for others and what computes take turns, so that the cores are busy from beginning to end; `slow` ones
    first, so that no process is alone at the end.
    """
    if any(_room(item) in {*_WAITING, "contract"} for item in items):
        os.environ.setdefault("JDK_JAVA_OPTIONS", java.options())
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    groups: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("apart") is None and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.relative_to(item.config.rootpath).as_posix()))
        marker = item.get_closest_marker("xdist_group")
        groups.setdefault(marker.args[0] if marker else item.nodeid, []).append(item)
    queues = [_slow_first(rooms, groups.values()) for rooms in (_WAITING, _COMPUTING)]
    items[:] = [item for pair in itertools.zip_longest(*queues, fillvalue=[]) for group in pair for item in group]


def _slow_first(rooms: tuple[str, ...], groups: Iterable[list[pytest.Item]]) -> list[list[pytest.Item]]:
    """The groups of these rooms: those with a `slow` test, then the others; each room by room."""
    found = [group for group in groups if _room(group[0]) in rooms]
    return sorted(found, key=lambda group: (not any(map(_is_slow, group)), rooms.index(_room(group[0]))))


def _is_slow(item: pytest.Item) -> bool:
    return item.get_closest_marker("slow") is not None


def _room(item: pytest.Item) -> str:
    """The folder below `tests`."""
    return item.path.relative_to(item.config.rootpath).parts[1]
