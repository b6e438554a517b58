"""`python -m tests.integration.producers.dying_producer STEP N …`: a producer that kills itself with SIGKILL.

STEP is a method of KafkaPublisher: at its N-th call, before it does anything, the process is gone. The rest of the
command line is that of `python -m producers`.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from producers.__main__ import main
from producers.publisher import KafkaPublisher


def arm(step: str, calls: int) -> None:
    original = getattr(KafkaPublisher, step)
    left = calls

    def dying(self: KafkaPublisher, *arguments: Any) -> Any:
        nonlocal left
        left -= 1
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(self, *arguments)

    setattr(KafkaPublisher, step, dying)


if __name__ == "__main__":
    arm(sys.argv[1], int(sys.argv[2]))
    sys.argv = ["producers", *sys.argv[3:]]
    main()
