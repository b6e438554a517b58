"""The Java of the tests' brokers spends its time on Kafka: no optimising of code that runs for seconds, classes read
once for all.

A broker that starts, gets twenty topics and stops costs 8.1 CPU seconds as it is, 4.9 with the first compiler alone and
3.1 with an archive of its classes, too (OpenJDK 17, Apache Kafka 4).

Source: Java Platform, "The java Command" (JDK_JAVA_OPTIONS, -XX:TieredStopAtLevel, -XX:ArchiveClassesAtExit).
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from deploy.broker import jars, kafka

_QUICK = "-XX:TieredStopAtLevel=1"


def options() -> str:
    """For JDK_JAVA_OPTIONS. An archive of another Java is no use and no harm: it is ignored."""
    archive = _archive()
    return f"{_QUICK} -XX:SharedArchiveFile={archive}" if archive.is_file() else _QUICK


def make_archive() -> None:
    """Note the classes of one broker's life where every test run finds them."""
    archive = _archive()
    if archive.is_file():
        return
    with tempfile.TemporaryDirectory(dir=archive.parent) as scratch:
        made = Path(scratch) / "classes.jsa"
        before = os.environ.get("JDK_JAVA_OPTIONS", "")
        with tempfile.TemporaryDirectory() as data:
            with kafka(data):
                pass  # formatted: one program less that would write the archive
            os.environ["JDK_JAVA_OPTIONS"] = f"{before} {_QUICK} -XX:ArchiveClassesAtExit={made}"
            with kafka(data):
                pass
        if made.is_file():  # a Java that has no archive of its own classes makes none
            made.rename(archive)


def _archive() -> Path:
    jars_of_kafka = jars.cache_directory()
    return jars_of_kafka.with_name(f"{jars_of_kafka.name}.jsa")


if __name__ == "__main__":
    make_archive()
