"""Apache Kafka itself: one node, KRaft, on the loopback address.

Source: Apache Kafka documentation, "KRaft" (combined mode) and `kafka.tools.StorageTool`.
"""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path

from deploy.broker import jars
from deploy.broker.process import HOST, Broker, BrokerError, free_port, require_free, running

_START_TRIES = 3


@contextlib.contextmanager
def kafka(
    data_dir: Path | str | None = None,
    port: int = 0,
    *,
    heap: str = "512m",
    overrides: Mapping[str, str] | None = None,
    listener: str = "",
    users: Mapping[str, str] | None = None,
) -> Iterator[Broker]:
    """Run one node of Apache Kafka until the block ends; yield when it answers.

    `data_dir` keeps topics over restarts (None: a temporary folder, removed at the end); `port` 0
    is any free port; `heap` is Java's -Xmx; `overrides` are lines of server.properties;
    `listener` is one more, as "SASL_SSL://127.0.0.1:9094"; `users` are those of SCRAM-SHA-512, name to password.
    Raises BrokerError when Java or Maven is missing, the port is taken or Kafka does not start.
    """
    java, class_path = jars.java(), jars.class_path()
    with contextlib.ExitStack() as stack:
        folder = Path(data_dir or stack.enter_context(_scratch()))
        folder.mkdir(parents=True, exist_ok=True)
        if port:
            require_free(port)
        options = [java, f"-Xmx{heap}", "-XX:+UseSerialGC", "-Djava.awt.headless=true"]
        options += [f"-Dlog4j2.configurationFile={jars.LOG_CONFIGURATION}", "-cp", class_path]
        for attempt in range(_START_TRIES):
            chosen = port or free_port()
            properties = _write_properties(folder, chosen, overrides or {}, listener)
            _format(options, folder, properties, users or {})
            command = [*options, "kafka.Kafka", str(properties)]
            log_path = folder / "kafka.log"
            process = running("Apache Kafka", command, chosen, log_path, ready_within_s=90, stop_within_s=30)
            try:
                broker = stack.enter_context(process)
            except BrokerError as error:
                lost_race = "Address already in use" in str(error)
                if not lost_race or port or attempt == _START_TRIES - 1:
                    raise
                log_path.unlink()
                continue
            yield broker
            return


def _scratch() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="synchealth-kafka-", ignore_cleanup_errors=True)


def _write_properties(folder: Path, port: int, overrides: Mapping[str, str], listener: str) -> Path:
    controller_port = free_port()
    more = f",{listener}" if listener else ""
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}{more}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}{more}",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "log.dirs": str(folder / "data"),
        # Topics are created on purpose or not at all: Faust crash-loops on a guessed partition count.
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # Small groups that start together: no reason to wait three seconds for more members.
        "group.initial.rebalance.delay.ms": "0",
        # Kafka's own default is 6000; the demo and the kill tests notice a death in 2-3 s.
        "group.min.session.timeout.ms": "1000",
    }
    settings.update(overrides)
    path = folder / "server.properties"
    path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    return path


def _format(java_options: list[str], folder: Path, properties: Path, users: Mapping[str, str]) -> None:
    if (folder / "data" / "meta.properties").exists():
        return
    cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
    command = [*java_options, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "-c", str(properties)]
    for name, password in users.items():
        command += ["--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BrokerError(f"Kafka could not format {folder / 'data'}:\n{done.stdout}{done.stderr}")
