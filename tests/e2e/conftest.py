"""Workers on a broker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.broker import Broker
from tests.e2e.worker_rig import WorkerRig


@pytest.fixture
def new_rig(empty_kafka: Broker, tmp_path: Path) -> Callable[..., WorkerRig]:
    """Makes a rig on empty topics, in a consumer group of its own."""

    def make(store: str = "memory", session_s: float = 3) -> WorkerRig:
        extra = f'consumer_group = "{tmp_path.name}"\n'
        return WorkerRig(empty_kafka.bootstrap, tmp_path, store=store, session_s=session_s, extra=extra)

    return make
