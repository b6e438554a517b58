"""The command: set the stage, play the story, show what the pipeline finds, report."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from types import FrameType
from typing import Any

import click

from deploy.cli.announcement import announcing_first_reading
from deploy.cli.terminal import SafeConsole, settings_of_kafka
from deploy.lab.demo import report
from deploy.lab.demo.screen import LiveScreen, PlainScreen, Scene, Screen, cycle_line
from deploy.lab.demo.sources import source_states
from deploy.lab.demo.stage import Stage, Wishes, stage
from deploy.lab.demo.watcher import FindingsWatcher
from deploy.lab.hybrid import HybridOrganisation
from deploy.lab.stories import STORIES, WRITE_DEVICES
from deploy.lab.stories.player import Player
from deploy.lab.stories.story import Story
from deploy.lab.sync.report import CycleReport
from sinks.freshness_source import read_freshness
from streams.contracts.errors import SyncHealthError
from streams.contracts.finding import Finding, FindingState
from streams.runtime.clock import now_ms
from streams.runtime.logs import configure_logs
from streams.runtime.settings import ENVIRONMENT_PREFIX

_LOOK_EVERY_S = 0.25
_SOURCES_EVERY_S = 1.0


@click.command()
@click.option("--story", type=click.Choice(sorted(STORIES)), default="conflicts", show_default=True)
@click.option(
    "--until-done", is_flag=True, help="End with the story; exit 0 only if every finding opened and resolved."
)
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write a report there.")
@click.option(
    "--kafka", metavar="HOST:PORT",
    help="This Kafka instead of the embedded broker; TLS and SASL by SYNCHEALTH_KAFKA__… of the environment.",
)
@click.option(
    "--kafka-users", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="FOLDER",
    help="Each process as the user of its role, synchealth-ROLE: password files producer, worker, exporter, desk, …",
)
@click.option("--speed", default=120.0, show_default=True, help="Lab seconds per second: 120 makes a sync cycle 15 s.")
@click.option("--objects", default=3000, show_default=True, help="Objects in Active Directory, about.")
@click.option("--timeout", default=300.0, show_default=True, help="With --until-done: give up after so many seconds.")
@click.option("--directory", type=click.Path(path_type=Path, file_okay=False), help="Keep settings and logs here.")
def demo(
    story: str,
    until_done: bool,
    json_file: Path | None,
    kafka: str | None,
    kafka_users: Path | None,
    speed: float,
    objects: int,
    timeout: float,
    directory: Path | None,
) -> None:
    """A hybrid organisation in a box: watch conflicts arise, be found and be repaired.

    Starts a lab directory (LDAPS), a lab Entra ID (Graph over HTTPS), a sync engine and the real pipeline on this
    machine, loopback only, and takes everything down at the end. Needs no account, no Docker and no Java.
    """
    wishes = Wishes(
        objects=objects, speed=speed, kafka=settings_of_kafka(kafka).kafka if kafka else None, kafka_users=kafka_users,
        directory=directory, device_writeback=story in WRITE_DEVICES,
    )  # fmt: skip
    for name in [each for each in os.environ if each.startswith(f"{ENVIRONMENT_PREFIX}KAFKA__")]:
        del os.environ[name]  # the settings file says it to the processes, whose users are others
    performance = _Performance(wishes, story, SafeConsole())
    code = performance.run(until_done=until_done, timeout_s=timeout, json_file=json_file)
    sys.exit(code)


def _freshness(built: Stage) -> dict[str, Any] | None:
    try:
        return read_freshness(built.settings).document()
    except SyncHealthError:
        return None


class _Performance:
    """One run of the demo."""

    def __init__(self, wishes: Wishes, story: str, console: SafeConsole) -> None:
        self._wishes, self._story, self._console = wishes, story, console
        self._scene = Scene(title=f"synchealth demo: {story}")
        self._screen: Screen = (LiveScreen if console.is_terminal else PlainScreen)(console, self._scene)
        self._told: Story | None = None
        self._player: Player | None = None
        self._stop = threading.Event()
        self._started_ms = now_ms()

    def run(self, *, until_done: bool, timeout_s: float, json_file: Path | None) -> int:
        """Perform; return the exit code."""
        configure_logs("error")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        with (
            self._screen,
            stage(
                self._wishes, told=self._screen.tell, on_cycle=self._on_cycle, on_sweep=self._on_sweep,
                set_up=self._set_up,
            ) as built,
            announcing_first_reading(built.settings, self._screen.tell),
        ):  # fmt: skip
            player = self._player = self._new_player(built)
            with FindingsWatcher(built.settings.kafka, self._on_finding):
                over = built.lab.run(player.play())
                self._attend(built, over, until_done, timeout_s)
                over.cancel()
            self._screen.tell("taking everything down")
            ended_ms = now_ms()
            faults = report.outcome(player, self._scene.findings)
            if json_file is not None:
                found = report.document(
                    player,
                    self._scene.findings,
                    started_ms=self._started_ms,
                    ended_ms=ended_ms,
                    broker=built.broker,
                    objects=built.organisation.objects,
                    speed=self._wishes.speed,
                    freshness=_freshness(built),
                )
                report.write(found, json_file)
        for fault in faults if until_done else ():
            self._console.print(fault, style="red")
        self._summary(player)
        return 1 if until_done and faults else 0

    def _set_up(self, organisation: HybridOrganisation) -> None:
        self._told = STORIES[self._story](organisation)

    def _new_player(self, built: Stage) -> Player:
        self._scene.desk_url, self._scene.metrics_url = built.desk_url, built.metrics_url
        self._scene.config = str(built.config)
        self._screen.tell(f"metrics at {built.metrics_url}, settings {built.config}")
        assert self._told is not None
        player = Player(
            self._told, built.lab.clock, built.lab.schedule, on_step=lambda step: self._screen.tell(f"» {step.told}")
        )
        self._scene.progress = player.progress
        return player

    def _attend(self, built: Stage, over: Future[None], until_done: bool, timeout_s: float) -> None:
        """Keep processes and screen going until the story, the time or the audience's patience is over."""
        deadline_s = time.monotonic() + timeout_s
        sources_at_s = 0.0
        while not self._stop.wait(_LOOK_EVERY_S):
            built.supervisor.look()
            built.lab.call(self._look)
            now_s = time.monotonic()
            if now_s >= sources_at_s:
                sources_at_s = now_s + _SOURCES_EVERY_S
                self._scene.sources = source_states(built.producer_ports)
            self._scene.lab_time_s = built.lab.clock.now_s()
            self._scene.next_cycle_s = built.lab.schedule.next_cycle_s
            if over.done() and not self._scene.done:
                over.result()  # a step that failed is an error of the lab
                self._scene.done = True
                self._screen.tell("the story is over: all expected findings opened, and resolved when repaired")
            if until_done and (now_s > deadline_s or (over.done() and self._is_quiet())):
                return

    def _is_quiet(self) -> bool:
        """What the story set off in passing (a failed export run, say) ends a cycle or two after the story itself."""
        assert self._player is not None
        with self._scene.lock:
            return not report.unexpected(self._player, self._scene.findings, still=True)

    def _look(self) -> None:
        if self._player is not None:
            self._player.look()

    def _on_cycle(self, cycle: CycleReport) -> None:
        self._look()
        self._screen.tell(cycle_line(cycle))

    def _on_sweep(self, restored: list[str]) -> None:
        self._look()
        if restored:
            self._screen.tell(f"Entra's hourly check restores {len(restored)} object(s)")

    def _on_finding(self, finding: Finding) -> None:
        before = self._scene.findings.get(finding.id)
        with self._scene.lock:
            self._scene.findings[finding.id] = finding
        progress = None
        if self._player is not None:
            progress = self._player.saw(finding.id, is_open=finding.state is not FindingState.RESOLVED)
        if before is None or before.state is not finding.state:
            self._screen.finding(finding, progress)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._stop.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self._stop.set()

    def _summary(self, player: Player) -> None:
        done = sum(found.done for found in player.progress.values())
        self._console.print(f"{done} of {len(player.progress)} expected findings opened, and resolved when repaired")
