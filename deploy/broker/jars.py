"""The jars of Apache Kafka, resolved once by Maven from the pinned pom.xml beside this file."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from deploy.broker.process import BrokerError

_FOLDER = Path(__file__).parent / "kafka"
_POM = _FOLDER / "pom.xml"
_PROPERTIES = "{http://maven.apache.org/POM/4.0.0}properties/{http://maven.apache.org/POM/4.0.0}"
LOG_CONFIGURATION = _FOLDER / "log4j2.xml"


def kafka_version() -> str:
    """Return the version of Apache Kafka that pom.xml pins."""
    version = ElementTree.parse(_POM).findtext(f"{_PROPERTIES}kafka.version")  # noqa: S314 - our own file
    if not version:
        raise BrokerError(f"{_POM} names no kafka.version")
    return version


def cache_directory() -> Path:
    """Return where the jars are kept: `$XDG_CACHE_HOME` or `~/.cache`, synchealth/kafka-<version>."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "synchealth" / f"kafka-{kafka_version()}"


def java() -> str:
    """Return the path of `java`. Raises BrokerError when there is none."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin") if home else None
    found = found or shutil.which("java")
    if not found:
        raise BrokerError(
            "no `java` found: Apache Kafka 4 needs Java 17 or later "
            "(Debian: apt-get install openjdk-17-jre-headless), or use the embedded broker"
        )
    return found


def class_path() -> str:
    """Return the class path of Apache Kafka, resolving the jars when they are not in the cache yet.

    Raises BrokerError when Maven is missing or cannot resolve them.
    """
    target = cache_directory()
    if not target.is_dir():
        _resolve(target)
    return f"{target}/*"


def _resolve(target: Path) -> None:
    maven = shutil.which("mvn")
    if not maven:
        raise BrokerError(
            f"no `mvn` found to resolve Apache Kafka {kafka_version()} "
            "(Debian: apt-get install maven); the jars are then kept in the cache and Maven is not needed again"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        jars = Path(scratch) / "jars"
        done = subprocess.run(
            [maven, "-q", "-B", "-f", str(_POM), "dependency:copy-dependencies", f"-DoutputDirectory={jars}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0 or not any(jars.glob("kafka_*.jar")):
            raise BrokerError(f"Maven could not resolve Apache Kafka {kafka_version()}:\n{done.stdout}{done.stderr}")
        try:
            jars.rename(target)  # complete or absent, never half: others may be looking
        except OSError:
            if not target.is_dir():
                raise
