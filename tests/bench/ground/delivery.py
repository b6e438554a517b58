"""Faust itself on a broker: join time, latency of a hop, and what rebalances lose or repeat.

python -m tests.bench.ground.delivery kafka 6      (broker, session timeout in seconds)
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections import Counter

from kafka import KafkaConsumer, KafkaProducer

from tests.bench.ground.rig import Workers, broker, create, quantile

RATE = 200


def main(kind: str, session_s: str) -> None:
    with broker(kind) as running:
        bootstrap = running.bootstrap
        create(bootstrap, ["in", "out"])
        environment = {"PROBE_BOOTSTRAP": bootstrap, "PROBE_SESSION_S": session_s}
        producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=0)
        seen: Counter[int] = Counter()
        latency: list[tuple[float, float]] = []
        done = threading.Event()

        def watch() -> None:
            consumer = KafkaConsumer("out", bootstrap_servers=bootstrap, auto_offset_reset="earliest")
            while not done.is_set():
                for records in consumer.poll(timeout_ms=100).values():
                    for record in records:
                        number, sent = record.value.split(b" ")
                        seen[int(number)] += 1
                        latency.append((time.time(), time.time() - float(sent)))
            consumer.close()

        watcher = threading.Thread(target=watch)
        watcher.start()
        sent = 0

        def pump(seconds: float) -> None:
            nonlocal sent
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                producer.send("in", key=b"%d" % (sent % 97), value=b"%d %f" % (sent, time.time()))
                sent += 1
                time.sleep(1 / RATE)

        with Workers("tests.bench.ground.echo_worker", environment) as workers:
            began = time.monotonic()
            workers.start("w1")
            pump(0.1)
            while not seen:
                time.sleep(0.01)
            print(f"{kind}: first output {time.monotonic() - began:.1f} s after process start, session {session_s} s")
            pump(2)
            since = time.time()
            pump(6)
            quiet = [wait for at, wait in latency if at > since]
            print(f"hop latency: p50 {quantile(quiet, 0.5) * 1e3:.1f} ms p99 {quantile(quiet, 0.99) * 1e3:.1f} ms")
            for what, act in (
                ("w2 joins", lambda: workers.start("w2")),
                ("w1 leaves by SIGTERM", lambda: print(f"  stop took {workers.stop('w1', signal.SIGTERM):.1f} s")),
                ("w1 joins again", lambda: workers.start("w1")),
                ("w2 dies by SIGKILL", lambda: workers.stop("w2", signal.SIGKILL)),
            ):
                first, mark = sent, time.time()
                act()
                pump(12)
                gap = max((wait for at, wait in latency if at > mark), default=0)
                time.sleep(1)
                twice = sum(1 for number in range(first, sent) if seen[number] > 1)
                print(f"{what}: longest wait {gap:.1f} s, repeated {twice} of {sent - first}")
            producer.flush()
            deadline = time.monotonic() + 40
            while len(seen) < sent and time.monotonic() < deadline:
                time.sleep(0.1)
            print(f"sent {sent}, lost {sent - len(seen)}, repeated {sum(1 for n in seen.values() if n > 1)}")
        done.set()
        watcher.join()
        producer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
