"""A plain Faust worker for probing Faust itself: reads `in`, counts in a stock table, writes `out`.

Configured by environment: PROBE_BOOTSTRAP, PROBE_SESSION_S, PROBE_STORE (memory: or rocksdb:),
PROBE_DATADIR, PROBE_TABLE (1 = count per key in a stock faust.Table).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import mode.loop

mode.loop.use("uvloop")

import faust  # noqa: E402

SESSION_S = float(os.environ.get("PROBE_SESSION_S", "6"))
WITH_TABLE = os.environ.get("PROBE_TABLE") == "1"
datadir = Path(os.environ["PROBE_DATADIR"])
datadir.mkdir(parents=True, exist_ok=True)

app = faust.App(
    "probe",
    broker=f"kafka://{os.environ['PROBE_BOOTSTRAP']}",
    store=os.environ.get("PROBE_STORE", "memory:"),
    datadir=str(datadir),
    web_enabled=False,
    topic_allow_declare=True,
    topic_partitions=4,
    topic_disable_leader=True,
    broker_session_timeout=SESSION_S,
    broker_heartbeat_interval=SESSION_S / 6,
    broker_rebalance_timeout=max(SESSION_S, 3),
    broker_commit_interval=1.0,
    stream_wait_empty=False,
    table_standby_replicas=0,
    consumer_auto_offset_reset="earliest",
)
source = app.topic("in", key_type=bytes, value_type=bytes, value_serializer="raw")
sink = app.topic("out", key_type=bytes, value_type=bytes, value_serializer="raw")
counts = app.Table("counts", default=int, partitions=4) if WITH_TABLE else None


@app.agent(source)
async def echo(stream: faust.Stream[bytes]) -> None:
    async for event in stream.events():
        if counts is not None:
            key = event.key.decode()
            counts[key] = counts[key] + 1
        await sink.send(key=event.key, value=event.value)


if __name__ == "__main__":
    sys.argv = ["probe", "-q", "worker", "--without-web", "-l", os.environ.get("PROBE_LOG", "error")]
    app.main()
