"""Writes alertmanager.yml beside this file: `python -m deploy.alertmanager.build`.

`synchealth prometheus-config` writes it with the receivers of an installation's settings.
"""

from __future__ import annotations

from pathlib import Path

from deploy.alertmanager.configuration import Webhooks, document
from deploy.prometheus.build import as_yaml

FILE = Path(__file__).parent / "alertmanager.yml"
HEADER = """\
# Generated from the detections' metadata; do not edit: `synchealth prometheus-config` writes it with your receivers.
# Receivers: page wakes somebody, urgent tells at once, ticket is work for today, digest for this week; -new: findings
# beside older ones that alert already; watchdog must raise an alarm when it hears nothing for ten minutes.
"""


def text(webhooks: Webhooks) -> str:
    """The file's contents."""
    return HEADER + as_yaml(document(webhooks))


def main() -> None:
    """Write the file."""
    FILE.write_text(text(Webhooks()))


if __name__ == "__main__":
    main()
