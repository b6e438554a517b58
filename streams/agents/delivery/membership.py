"""Who a worker is to its group: after a restart the same member, whose partitions waited for it.

Source: KIP-345 (static membership), https://cwiki.apache.org/confluence/display/KAFKA/KIP-345: whoever joins under the
`group.instance.id` of a member takes that member's place and its partitions at once. That is safe only where the
process before it is dead for certain, so the id *is* a lock: of one file, on one running kernel. Another machine (a
volume that moved, a clone), another boot and another folder give another id, and then the group waits for the session.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from streams.contracts.errors import FatalError
from streams.runtime.logs import get_logger

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_HANDED_DOWN = "SYNCHEALTH_BOOT_ID"  # by the systemd units, in which /proc shows processes alone
log = get_logger(__name__)


def claim(data_dir: Path, boot_id_file: Path = _BOOT_ID) -> str | None:
    """The member of the group that works with this folder; held until this process ends. None: it has no lasting name.

    Raises FatalError where another living process works with the folder.
    """
    # Never closed: the kernel lets go of the lock when all of the process is gone, and not before.
    held = os.open(data_dir / "member.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise FatalError(
            f"another worker runs with the data folder {data_dir}: give each its own ([streams] data_dir, --worker)"
        ) from None
    except OSError as error:  # a file system without locks
        log.warning("no lasting member of the group", folder=str(data_dir), why=str(error))
        return None
    try:
        boot = os.environ.get(_HANDED_DOWN) or boot_id_file.read_text().strip()
    except OSError:  # not Linux, or hidden
        return None
    file = os.fstat(held)
    return f"{data_dir.name}-{boot}-{file.st_dev:x}-{file.st_ino:x}"
