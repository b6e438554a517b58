"""Apache Kafka for tests: required in CI, skipped with the reason elsewhere; emptied between tests."""

from __future__ import annotations

import shutil
import time

from kafka import KafkaAdminClient

from deploy.broker import jars
from tests.support.parts import missing_part

_MISSING = "needs Java 17 and Maven: apt-get install openjdk-17-jre-headless maven"


def require_kafka() -> None:
    """Skip the calling test where Apache Kafka cannot run; where every part is required, fail it."""
    if shutil.which("java") and (shutil.which("mvn") or jars.cache_directory().is_dir()):
        return
    missing_part(_MISSING)


def delete_topics(bootstrap: str, within_s: float = 180) -> None:
    """Delete every topic of ours, and wait until they are gone."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        deadline = time.monotonic() + within_s
        asked: set[str] = set()
        while names := {name for name in admin.list_topics() if name.startswith("synchealth.")}:
            assert time.monotonic() < deadline, f"topics are not deleted: {sorted(names)}"
            if names - asked:
                admin.delete_topics(sorted(names - asked))
                asked |= names
            time.sleep(0.1)
    finally:
        admin.close()
